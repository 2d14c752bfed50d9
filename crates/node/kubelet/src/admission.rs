//! Whether a pod may run on this node: upstream's checks, in its order and words. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, NodeSelectorTerm, Pod, Taint, Toleration};
use styr_meta::Quantity;

use crate::launch::resources;
use crate::pod;

pub(crate) mod host;
pub(crate) mod pressure;
#[cfg(test)]
mod tests;

const RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// Reason and message of a rejection; `others` are the pods that run here.
pub(crate) fn check(
    pod: &Pod,
    others: &[Arc<Pod>],
    node: Option<&Node>,
    allocatable: &BTreeMap<String, Quantity>,
) -> Result<(), (String, String)> {
    // Static pods are the node's own will; only what cannot work is refused.
    if !pod::is_static(pod) {
        fits(pod, others, allocatable)?;
    }
    if let Some(node) = node {
        if !matches_node(pod, node) {
            let text =
                "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
            return Err(("NodeAffinity".into(), text.into()));
        }
        let taints = node
            .spec
            .as_ref()
            .and_then(|spec| spec.taints.as_deref())
            .unwrap_or_default();
        let tolerations = pod::spec(pod).tolerations.as_deref().unwrap_or_default();
        let untolerated = taints.iter().find(|taint| {
            taint.effect == "NoExecute" && !tolerations.iter().any(|t| tolerates(t, taint))
        });
        if untolerated.is_some() && !pod::is_static(pod) {
            let text =
                "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate";
            return Err(("TaintToleration".into(), text.into()));
        }
    }
    let mine = host_ports(pod);
    if others
        .iter()
        .flat_map(|other| host_ports(other))
        .any(|port| mine.iter().any(|own| clash(own, &port)))
    {
        let text = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
        return Err(("NodePorts".into(), text.into()));
    }
    Ok(())
}

fn fits(
    pod: &Pod,
    others: &[Arc<Pod>],
    allocatable: &BTreeMap<String, Quantity>,
) -> Result<(), (String, String)> {
    let pods = allocatable.get("pods").map_or(i64::MAX, Quantity::value);
    let count = i64::try_from(others.len()).unwrap_or(i64::MAX);
    if count + 1 > pods {
        let text = format!(
            "Node didn't have enough resource: pods, requested: 1, used: {count}, capacity: {pods}"
        );
        return Err(("OutOfpods".into(), text));
    }
    for name in RESOURCES {
        let wanted = resources::pod_request(pod, name);
        let Some(capacity) = allocatable.get(name).filter(|_| !wanted.is_zero()) else {
            continue;
        };
        let mut used = Quantity::zero();
        for other in others {
            used.add(&resources::pod_request(other, name));
        }
        let mut total = used.clone();
        total.add(&wanted);
        if total > *capacity {
            let amount = |q: &Quantity| {
                if name == "cpu" {
                    q.milli_value()
                } else {
                    q.value()
                }
            };
            let text = format!(
                "Node didn't have enough resource: {name}, requested: {}, used: {}, capacity: {}",
                amount(&wanted),
                amount(&used),
                amount(capacity)
            );
            return Err((format!("OutOf{name}"), text));
        }
    }
    Ok(())
}

fn matches_node(pod: &Pod, node: &Node) -> bool {
    let empty = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&empty);
    let selector = pod::spec(pod).node_selector.iter().flatten();
    if selector
        .into_iter()
        .any(|(key, value)| labels.get(key) != Some(value))
    {
        return false;
    }
    let affinity = pod::spec(pod)
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref());
    let required = affinity.and_then(|a| {
        a.required_during_scheduling_ignored_during_execution
            .as_ref()
    });
    let name = node.metadata.name.as_deref().unwrap_or_default();
    required.is_none_or(|required| {
        required
            .node_selector_terms
            .iter()
            .any(|term| matches_term(term, labels, name))
    })
}

fn matches_term(term: &NodeSelectorTerm, labels: &BTreeMap<String, String>, name: &str) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    let holds = |operator: &str, values: &[String], value: Option<&str>| {
        let number = |text: &str| text.parse::<i64>().ok();
        let limit = values.first().and_then(|text| number(text));
        let own = value.and_then(number);
        match operator {
            "In" => value.is_some_and(|value| values.iter().any(|v| v == value)),
            "NotIn" => value.is_none_or(|value| !values.iter().any(|v| v == value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            "Gt" => own.zip(limit).is_some_and(|(own, limit)| own > limit),
            "Lt" => own.zip(limit).is_some_and(|(own, limit)| own < limit),
            _ => false,
        }
    };
    let by_label = expressions.iter().all(|expression| {
        let value = labels.get(&expression.key).map(String::as_str);
        holds(
            &expression.operator,
            expression.values.as_deref().unwrap_or_default(),
            value,
        )
    });
    let by_field = fields.iter().all(|field| {
        let value = (field.key == "metadata.name").then_some(name);
        holds(
            &field.operator,
            field.values.as_deref().unwrap_or_default(),
            value,
        )
    });
    by_label && by_field
}

/// Whether a toleration covers a taint.
pub(crate) fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (effect, key) = (text(&toleration.effect), text(&toleration.key));
    if !effect.is_empty() && effect != taint.effect {
        return false;
    }
    if !key.is_empty() && key != taint.key {
        return false;
    }
    match toleration.operator.as_deref().unwrap_or("Equal") {
        "Exists" => true,
        "" | "Equal" => !key.is_empty() && text(&toleration.value) == text(&taint.value),
        _ => false,
    }
}

/// Address, protocol, port.
fn host_ports(pod: &Pod) -> Vec<(String, String, i32)> {
    let containers = pod::init_containers(pod)
        .iter()
        .filter(|c| pod::is_sidecar(c));
    let ports = containers
        .chain(pod::containers(pod))
        .flat_map(|c| c.ports.iter().flatten());
    let ports = ports.filter(|port| port.host_port.is_some_and(|number| number > 0));
    ports
        .map(|port| {
            let ip = port.host_ip.clone().filter(|ip| !ip.is_empty());
            let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".into());
            (
                ip.unwrap_or_else(|| "0.0.0.0".into()),
                protocol,
                port.host_port.unwrap_or(0),
            )
        })
        .collect()
}

fn clash(one: &(String, String, i32), other: &(String, String, i32)) -> bool {
    let any = |ip: &str| matches!(ip, "0.0.0.0" | "::");
    let same_ip = one.0 == other.0 || any(&one.0) || any(&other.0);
    same_ip && one.1 == other.1 && one.2 == other.2
}
