//! Fields that belong to a type of service, and go with it.

use serde_json::Value;

use super::families::{clear, needs_cluster_ip};

type Needs = fn(&Value) -> bool;

/// A field and the services that have it.
const FIELDS: &[(&str, Needs)] = &[
    ("allocateLoadBalancerNodePorts", is_load_balancer),
    ("externalTrafficPolicy", is_reached_from_outside),
    ("internalTrafficPolicy", needs_cluster_ip),
    ("loadBalancerClass", is_load_balancer),
];

fn is_load_balancer(service: &Value) -> bool {
    service["spec"]["type"] == "LoadBalancer"
}

fn is_reached_from_outside(service: &Value) -> bool {
    let has_external = service["spec"]["externalIPs"]
        .as_array()
        .is_some_and(|list| !list.is_empty());
    let kind = service["spec"]["type"].as_str().unwrap_or("ClusterIP");
    matches!(kind, "NodePort" | "LoadBalancer") || (kind == "ClusterIP" && has_external)
}

/// Whoever changes the type and leaves the rest as it was does not mean what the old type needed.
pub(super) fn drop_dependent(new: &mut Value, old: &Value) {
    for (field, needs) in FIELDS {
        let is_unchanged = new["spec"][*field] == old["spec"][*field];
        if needs(old) && !needs(new) && is_unchanged {
            clear(&mut new["spec"], &[field]);
        }
    }
}
