//! Fields of a pod and resources of its containers, as its own containers may read them.

use k8s_openapi::api::core::v1::{Container, ObjectFieldSelector, Pod, ResourceFieldSelector};
use styr_meta::Quantity;

use super::NodeResources;
use crate::pod;

/// What a pod may learn that is not in its definition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) pod_ips: &'a [String],
    pub(crate) host_ips: &'a [String],
    pub(crate) allocatable: NodeResources,
}

/// The value of a field; `Err` has upstream's words.
pub(crate) fn field(
    pod: &Pod,
    selector: &ObjectFieldSelector,
    facts: Facts<'_>,
) -> Result<String, String> {
    let spec = pod::spec(pod);
    let first = |list: &[String]| list.first().cloned().unwrap_or_default();
    let path = selector.field_path.as_str();
    if let Some((map, key)) = subscript(path) {
        let map = match map {
            "metadata.labels" => &pod.metadata.labels,
            "metadata.annotations" => &pod.metadata.annotations,
            _ => return Err(format!("fieldPath {path:?} does not support subscript")),
        };
        let value = map.as_ref().and_then(|map| map.get(key));
        return Ok(value.cloned().unwrap_or_default());
    }
    Ok(match path {
        "metadata.name" => pod::name(pod).into(),
        "metadata.namespace" => pod::namespace(pod).into(),
        "metadata.uid" => pod::uid(pod).into(),
        "metadata.labels" => lines(pod.metadata.labels.as_ref()),
        "metadata.annotations" => lines(pod.metadata.annotations.as_ref()),
        "spec.nodeName" => spec.node_name.clone().unwrap_or_default(),
        "spec.serviceAccountName" => spec.service_account_name.clone().unwrap_or_default(),
        "spec.schedulerName" => spec.scheduler_name.clone().unwrap_or_default(),
        "spec.restartPolicy" => spec.restart_policy.clone().unwrap_or_default(),
        "status.phase" => pod::phase(pod).into(),
        "status.hostIP" => first(facts.host_ips),
        "status.hostIPs" => facts.host_ips.join(","),
        "status.podIP" => first(facts.pod_ips),
        "status.podIPs" => facts.pod_ips.join(","),
        _ => return Err(format!("unsupported fieldPath: {path}")),
    })
}

/// `metadata.labels['key']` in two parts.
fn subscript(path: &str) -> Option<(&str, &str)> {
    let (map, rest) = path.split_once("['")?;
    Some((map, rest.strip_suffix("']")?))
}

fn lines(map: Option<&std::collections::BTreeMap<String, String>>) -> String {
    let lines = map.into_iter().flatten();
    let lines: Vec<String> = lines
        .map(|(key, value)| format!("{key}={}", quoted(value)))
        .collect();
    lines.join("\n")
}

/// Go's `strconv.Quote`.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                out.push_str(&format!("\\x{:02x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The value of a resource of a container, in units of the divisor, rounded up.
pub(crate) fn resource(
    pod: &Pod,
    container: &Container,
    selector: &ResourceFieldSelector,
    allocatable: NodeResources,
) -> Result<String, String> {
    let named = selector
        .container_name
        .as_deref()
        .filter(|name| !name.is_empty());
    let other = named.and_then(|name| pod::container(pod, name));
    if let Some(name) = named
        && other.is_none()
    {
        return Err(format!("container {name} not found"));
    }
    let container = other.as_ref().unwrap_or(container);
    let (set, name) = selector
        .resource
        .split_once('.')
        .ok_or_else(|| format!("unsupported container resource : {}", selector.resource))?;
    let resources = container.resources.as_ref();
    let of = |map: Option<&std::collections::BTreeMap<String, _>>| {
        let quantity: &k8s_openapi::apimachinery::pkg::api::resource::Quantity = map?.get(name)?;
        Quantity::parse(&quantity.0)
            .ok()
            .filter(|quantity| !quantity.is_zero())
    };
    let limit = of(resources.and_then(|r| r.limits.as_ref()));
    let request = of(resources.and_then(|r| r.requests.as_ref()));
    let amount = match set {
        "limits" => limit.or_else(|| whole_node(name, allocatable)),
        "requests" => request,
        _ => {
            return Err(format!(
                "unsupported container resource : {}",
                selector.resource
            ));
        }
    };
    let amount = amount.unwrap_or_else(Quantity::zero);
    let divisor = selector
        .divisor
        .as_ref()
        .and_then(|text| Quantity::parse(&text.0).ok());
    let divisor = divisor
        .filter(|d| !d.is_zero())
        .unwrap_or_else(|| Quantity::from_units(1));
    // Only processors are counted in parts.
    let (amount, divisor) = if name == "cpu" {
        (amount.milli_value(), divisor.milli_value())
    } else {
        (amount.value(), divisor.value())
    };
    let divisor = divisor.max(1);
    Ok(((amount + divisor - 1) / divisor).to_string())
}

fn whole_node(name: &str, node: NodeResources) -> Option<Quantity> {
    match name {
        "cpu" => Some(Quantity::from_milli(node.cpu_milli)),
        "memory" => Some(Quantity::from_bytes(node.memory)),
        "ephemeral-storage" => Some(Quantity::from_bytes(node.ephemeral_storage)),
        _ => None,
    }
}
