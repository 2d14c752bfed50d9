//! Service: <https://kubernetes.io/docs/concepts/services-networking/service/>.

mod validate;

use serde_json::{Value, json};
use styr_meta::FieldError;

use crate::rules::{Context, NameRule, Rules};
use crate::{cells, tree};

pub(crate) struct Service;

/// How long a client keeps its endpoint.
const AFFINITY_SECONDS: i64 = 10800;

impl Rules for Service {
    fn default(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else {
            return;
        };
        default_affinity(spec);
        for port in tree::items_mut(spec, "ports") {
            let target = tree::at(port, "targetPort");
            if target.is_null() || target == 0 || target == "" {
                port["targetPort"] = port["port"].clone();
            }
        }
        let kind = tree::text(spec, "type").to_owned();
        let external_ips = !tree::items(spec, "externalIPs").is_empty();
        let is_external = matches!(kind.as_str(), "LoadBalancer" | "NodePort")
            || kind == "ClusterIP" && external_ips;
        if is_external {
            tree::set_if_zero(spec, "externalTrafficPolicy", "Cluster");
        }
        if matches!(kind.as_str(), "NodePort" | "LoadBalancer" | "ClusterIP") {
            tree::set_default(spec, "internalTrafficPolicy", "Cluster");
        }
        if kind == "LoadBalancer" {
            tree::set_default(spec, "allocateLoadBalancerNodePorts", true);
            for ingress in tree::items_mut(object, "status.loadBalancer.ingress") {
                if !tree::text(ingress, "ip").is_empty() {
                    tree::set_default(ingress, "ipMode", "VIP");
                }
            }
        }
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn name_rule(&self) -> NameRule {
        NameRule::Label
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        validate::check(object)
    }

    fn validate_update(&self, object: &Value, old: &Value, _cx: &Context) -> Vec<FieldError> {
        validate::update(object, old)
    }

    fn validate_status_update(
        &self,
        object: &Value,
        _old: &Value,
        _cx: &Context,
    ) -> Vec<FieldError> {
        validate::status(object)
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        match column {
            "Cluster-IP" => {
                let first = tree::items(object, "spec.clusterIPs").first();
                Some(cells::or_none(
                    first.and_then(Value::as_str).unwrap_or_default(),
                ))
            }
            "External-IP" => Some(json!(external_ip(object))),
            "Port(s)" => Some(cells::or_none(&ports(object))),
            "Selector" => Some(cells::labels(&object["spec"]["selector"])),
            _ => None,
        }
    }
}

fn default_affinity(spec: &mut Value) {
    match tree::text(spec, "sessionAffinity") {
        "None" => tree::remove(spec, "sessionAffinityConfig"),
        "ClientIP" => {
            let path = "sessionAffinityConfig.clientIP.timeoutSeconds";
            if tree::at(spec, path).is_null() {
                spec["sessionAffinityConfig"] =
                    json!({"clientIP": {"timeoutSeconds": AFFINITY_SECONDS}});
            }
        }
        _ => {}
    }
}

fn external_ip(object: &Value) -> String {
    let own = tree::items(object, "spec.externalIPs")
        .iter()
        .filter_map(Value::as_str);
    let mut ips: Vec<&str> = own.collect();
    match tree::text(object, "spec.type") {
        "ClusterIP" | "NodePort" if ips.is_empty() => "<none>".to_owned(),
        "ClusterIP" | "NodePort" => ips.join(","),
        "LoadBalancer" => {
            let ingress = tree::items(object, "status.loadBalancer.ingress").iter();
            let mut all: Vec<&str> = ingress
                .map(|it| match tree::text(it, "ip") {
                    "" => tree::text(it, "hostname"),
                    ip => ip,
                })
                .filter(|it| !it.is_empty())
                .collect();
            all.append(&mut ips);
            if all.is_empty() {
                "<pending>".to_owned()
            } else {
                all.join(",")
            }
        }
        "ExternalName" => tree::text(object, "spec.externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

fn ports(object: &Value) -> String {
    let one = |port: &Value| {
        let (number, protocol) = (tree::number(port, "port"), tree::text(port, "protocol"));
        match tree::number(port, "nodePort") {
            0 => format!("{number}/{protocol}"),
            node_port => format!("{number}:{node_port}/{protocol}"),
        }
    };
    tree::items(object, "spec.ports")
        .iter()
        .map(one)
        .collect::<Vec<_>>()
        .join(",")
}
