//! Which address families a service has, filled in where its writer was silent.

use serde_json::{Value, json};
use styr_meta::FieldError;

use super::network::Network;

pub(super) fn family(network: Network) -> &'static str {
    if network.is_ipv4() { "IPv4" } else { "IPv6" }
}

/// Whether a service has addresses of its own.
pub(super) fn needs_cluster_ip(service: &Value) -> bool {
    let kind = service["spec"]["type"].as_str().unwrap_or("ClusterIP");
    matches!(kind, "ClusterIP" | "NodePort" | "LoadBalancer")
}

pub(super) fn is_headless(service: &Value) -> bool {
    service["spec"]["clusterIP"] == "None"
}

/// Makes `clusterIP` and `clusterIPs` agree: old clients know only the first.
pub(super) fn normalize(service: &mut Value, old: Option<&Value>) {
    let spec = &mut service["spec"];
    let ip = spec["clusterIP"].as_str().unwrap_or("").to_owned();
    let has_list = spec["clusterIPs"]
        .as_array()
        .is_some_and(|list| !list.is_empty());
    match old {
        None if !ip.is_empty() && !has_list => spec["clusterIPs"] = json!([ip]),
        None if ip.is_empty() && has_list => spec["clusterIP"] = spec["clusterIPs"][0].clone(),
        None => {}
        Some(old) => {
            let old = &old["spec"];
            let old_ip = old["clusterIP"].as_str().unwrap_or("");
            let same_list = spec["clusterIPs"] == old["clusterIPs"];
            if ip.is_empty() && !old_ip.is_empty() && same_list {
                clear(spec, &["clusterIPs"]);
            } else if !ip.is_empty() && (!has_list || (ip != old_ip && same_list)) {
                spec["clusterIPs"] = json!([ip]);
            }
        }
    }
}

pub(super) fn clear(spec: &mut Value, fields: &[&str]) {
    if let Some(spec) = spec.as_object_mut() {
        for field in fields {
            spec.remove(*field);
        }
    }
}

/// Refuses a service that must have two families where there is one.
pub(super) fn can_have(service: &Value, networks: &[Network]) -> Result<(), FieldError> {
    let policy = service["spec"]["ipFamilyPolicy"].as_str();
    let needs_two = policy == Some("RequireDualStack") && needs_cluster_ip(service);
    if needs_two && networks.len() == 1 && !is_headless_without_selector(service) {
        return Err(FieldError::invalid(
            "spec.ipFamilyPolicy",
            "RequireDualStack",
            "this cluster is not configured for dual-stack services",
        ));
    }
    Ok(())
}

fn is_headless_without_selector(service: &Value) -> bool {
    let selector = service["spec"]["selector"].as_object();
    is_headless(service) && selector.is_none_or(|it| it.is_empty())
}

/// Fills in `ipFamilyPolicy` and `ipFamilies`.
pub(super) fn fill(service: &mut Value, networks: &[Network]) {
    if !needs_cluster_ip(service) {
        clear(&mut service["spec"], &["ipFamilies", "ipFamilyPolicy"]);
        return;
    }
    let without_selector = is_headless_without_selector(service);
    let spec = &mut service["spec"];
    if spec["ipFamilies"].as_array().is_none_or(Vec::is_empty) {
        let given: Vec<Value> = spec["clusterIPs"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|ip| *ip != "None")
            .map(|ip| {
                if ip.contains(':') {
                    json!("IPv6")
                } else {
                    json!("IPv4")
                }
            })
            .collect();
        let default = networks.first().map_or("IPv4", |network| family(*network));
        spec["ipFamilies"] = if given.is_empty() {
            json!([default])
        } else {
            given.into()
        };
    }
    if spec["ipFamilyPolicy"].is_null() {
        let policy = if without_selector {
            "RequireDualStack"
        } else if spec["ipFamilies"].as_array().is_some_and(|it| it.len() > 1) {
            "PreferDualStack"
        } else {
            "SingleStack"
        };
        // A cluster of one family has no second one to require, but for those without addresses.
        spec["ipFamilyPolicy"] = policy.into();
    }
    let policy = spec["ipFamilyPolicy"].as_str().unwrap_or("");
    let wants_two = matches!(policy, "PreferDualStack" | "RequireDualStack");
    let can_two = networks.len() > 1 || without_selector;
    let families = spec["ipFamilies"].as_array_mut().expect("just filled in");
    if wants_two && can_two && families.len() == 1 {
        let other = if families[0] == "IPv4" {
            "IPv6"
        } else {
            "IPv4"
        };
        families.push(other.into());
    }
}
