//! Node: <https://kubernetes.io/docs/concepts/architecture/nodes/>.

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, names, object};

use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct Node;

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE: &str = "kubernetes.io/role";

impl Rules for Node {
    fn default(&self, object: &mut Value) {
        default_ranges(object);
        let Some(status) = object.get_mut("status") else {
            return;
        };
        let capacity = tree::at(status, "capacity");
        if tree::at(status, "allocatable").is_null() && !capacity.is_null() {
            status["allocatable"] = capacity.clone();
        }
    }

    /// A kubelet registers its node with everything it knows about it.
    fn takes_status_on_create(&self) -> bool {
        true
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let mut errors = taints(object);
        for (index, range) in tree::items(object, "spec.podCIDRs").iter().enumerate() {
            let range = range.as_str().unwrap_or_default();
            if !is_range(range) {
                let text = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
                let path = Path::root("spec").child("podCIDRs").index(index);
                errors.push(FieldError::invalid(path, range, text));
            }
        }
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value, _cx: &Context) -> Vec<FieldError> {
        let mut errors = taints(object);
        let spec = Path::root("spec");
        let (new, had) = (
            tree::items(object, "spec.podCIDRs"),
            tree::items(old, "spec.podCIDRs"),
        );
        if !had.is_empty() && new != had {
            let text = "node updates may not change podCIDR except from \"\" to valid";
            errors.push(FieldError::forbidden(spec.child("podCIDRs"), text));
        }
        let (new, had) = (
            tree::text(object, "spec.providerID"),
            tree::text(old, "spec.providerID"),
        );
        if !had.is_empty() && new != had {
            let text = if new.is_empty() {
                "field cannot be cleared once set"
            } else {
                "field cannot be modified once set"
            };
            errors.push(FieldError::invalid(
                spec.child("providerID"),
                Value::Null,
                text,
            ));
        }
        errors
    }

    fn selectable(&self, object: &Value, field: &str) -> Option<String> {
        (field == "spec.unschedulable").then(|| tree::is_true(object, field).to_string())
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let info = |field: &str| tree::text(&object["status"]["nodeInfo"], field).to_owned();
        let known = |text: String| {
            if text.is_empty() {
                "<unknown>".to_owned()
            } else {
                text
            }
        };
        let cell = match column {
            "Status" => json!(status(object)),
            "Roles" => cells::or_none(&roles(object)),
            "Internal-IP" => cells::or_none(address(object, "InternalIP")),
            "External-IP" => cells::or_none(address(object, "ExternalIP")),
            "OS-Image" => json!(known(info("osImage"))),
            "Kernel-Version" => {
                let architecture = info("architecture");
                let version = known(info("kernelVersion"));
                json!(if architecture.is_empty() {
                    version
                } else {
                    format!("{version} ({architecture})")
                })
            }
            "Container-Runtime" => json!(known(info("containerRuntimeVersion"))),
            _ => return None,
        };
        Some(cell)
    }
}

/// The one range and the list of ranges agree.
fn default_ranges(object: &mut Value) {
    let Some(spec) = object.get_mut("spec") else {
        return;
    };
    let one = tree::text(spec, "podCIDR").to_owned();
    let first = tree::items(spec, "podCIDRs")
        .first()
        .and_then(Value::as_str)
        .map(str::to_owned);
    match first {
        _ if one.is_empty() => {
            if let Some(first) = first {
                spec["podCIDR"] = first.into();
            }
        }
        Some(first) if first == one => {}
        _ => spec["podCIDRs"] = json!([one]),
    }
}

fn is_range(text: &str) -> bool {
    let Some((ip, bits)) = text.split_once('/') else {
        return false;
    };
    let bits: u8 = match bits.parse() {
        Ok(bits) => bits,
        Err(_) => return false,
    };
    match ip.parse::<std::net::IpAddr>() {
        Ok(ip) => bits <= if ip.is_ipv4() { 32 } else { 128 },
        Err(_) => false,
    }
}

fn taints(object: &Value) -> Vec<FieldError> {
    const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    let path = Path::root("metadata").child("taints");
    let mut errors = Vec::new();
    let mut seen = Vec::new();
    for (index, taint) in tree::items(object, "spec.taints").iter().enumerate() {
        let at = path.index(index);
        let text = |field: &str| tree::text(taint, field);
        let (key, value, effect) = (text("key"), text("value"), text("effect"));
        for text in names::qualified_name(key) {
            errors.push(FieldError::invalid(at.child("key"), key, text));
        }
        let wrong = names::label_value(value);
        if !wrong.is_empty() {
            errors.push(FieldError::invalid(
                at.child("value"),
                value,
                wrong.join(";"),
            ));
        }
        if effect.is_empty() {
            errors.push(FieldError::required(at.child("effect"), ""));
        } else if !EFFECTS.contains(&effect) {
            errors.push(FieldError::not_supported(
                at.child("effect"),
                effect,
                &EFFECTS,
            ));
        }
        if seen.contains(&(key, effect)) {
            let mut error = FieldError::duplicate(&at, taint.clone());
            "taints must be unique by key and effect pair".clone_into(&mut error.detail);
            errors.push(error);
        }
        seen.push((key, effect));
    }
    errors
}

fn status(object: &Value) -> String {
    let conditions = tree::items(object, "status.conditions");
    let ready = conditions
        .iter()
        .find(|it| tree::text(it, "type") == "Ready");
    let mut status = match ready.map(|it| tree::text(it, "status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if tree::is_true(object, "spec.unschedulable") {
        status.push_str(",SchedulingDisabled");
    }
    status
}

fn roles(object: &Value) -> String {
    let labels = object::texts(object::labels(object));
    let mut roles: Vec<&str> = labels
        .iter()
        .filter_map(|(key, value)| match key.strip_prefix(ROLE_PREFIX) {
            Some(role) if !role.is_empty() => Some(role),
            _ if key == ROLE && !value.is_empty() => Some(value.as_str()),
            _ => None,
        })
        .collect();
    roles.sort_unstable();
    roles.dedup();
    roles.join(",")
}

fn address<'a>(object: &'a Value, kind: &str) -> &'a str {
    let addresses = tree::items(object, "status.addresses");
    let found = addresses.iter().find(|it| tree::text(it, "type") == kind);
    found.map_or("", |it| tree::text(it, "address"))
}
