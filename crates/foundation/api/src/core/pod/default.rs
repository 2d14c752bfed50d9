//! Defaults of pods that are not those of templates as well.

use serde_json::{Map, Value};

use crate::core::pod_template;
use crate::tree;

pub(super) fn apply(object: &mut Value) {
    let Some(spec) = object.get_mut("spec") else {
        return;
    };
    pod_template::default_spec(spec);
    let period = tree::at(spec, "terminationGracePeriodSeconds").as_i64();
    if period.is_some_and(|period| period < 0) {
        spec["terminationGracePeriodSeconds"] = 1.into();
    }
    let host_network = tree::is_true(spec, "hostNetwork");
    for list in ["containers", "initContainers"] {
        for container in tree::items_mut(spec, list) {
            requests_from_limits(container);
            if host_network {
                for port in tree::items_mut(container, "ports") {
                    let number = tree::number(port, "containerPort");
                    tree::set_if_zero(port, "hostPort", number);
                }
            }
        }
    }
    default_ips(object);
}

/// What is limited and not requested is requested as much as it is limited.
fn requests_from_limits(container: &mut Value) {
    let limits = tree::at(container, "resources.limits").as_object().cloned();
    let Some(limits) = limits else { return };
    let resources = tree::object_mut(container, "resources");
    if !resources["requests"].is_object() {
        resources["requests"] = Value::Object(Map::new());
    }
    let requests = resources["requests"]
        .as_object_mut()
        .expect("it was made one");
    for (name, amount) in limits {
        requests.entry(name).or_insert(amount);
    }
}

/// The one address and the list of addresses agree.
fn default_ips(object: &mut Value) {
    let Some(status) = object.get_mut("status") else {
        return;
    };
    let one = tree::text(status, "podIP").to_owned();
    let first = tree::items(status, "podIPs")
        .first()
        .map(|it| tree::text(it, "ip").to_owned());
    match first {
        None if !one.is_empty() => status["podIPs"] = serde_json::json!([{ "ip": one }]),
        Some(first) if one.is_empty() => status["podIP"] = first.into(),
        Some(first) if one != first => status["podIPs"] = serde_json::json!([{ "ip": one }]),
        _ => {}
    }
}
