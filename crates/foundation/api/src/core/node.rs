//! Node: <https://kubernetes.io/docs/concepts/architecture/nodes/>.

use serde_json::{Value, json};
use styr_meta::object;

use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct Node;

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE: &str = "kubernetes.io/role";

impl Rules for Node {
    fn default(&self, object: &mut Value) {
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
