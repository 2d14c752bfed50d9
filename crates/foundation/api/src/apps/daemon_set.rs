//! `DaemonSet`: <https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/>.

use serde_json::{Value, json};

use crate::core::pod_template;
use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct DaemonSet;

impl Rules for DaemonSet {
    fn default(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else {
            return;
        };
        if tree::text(spec, "updateStrategy.type") == "RollingUpdate" {
            let rolling = tree::object_mut(&mut spec["updateStrategy"], "rollingUpdate");
            tree::set_default(rolling, "maxUnavailable", 1);
            tree::set_default(rolling, "maxSurge", 0);
        }
        if let Some(template) = spec.get_mut("template") {
            pod_template::default(template);
        }
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let template = &object["spec"]["template"]["spec"];
        let number = |field: &str| json!(tree::number(&object["status"], field));
        let cell = match column {
            "Desired" => number("desiredNumberScheduled"),
            "Current" => number("currentNumberScheduled"),
            "Ready" => number("numberReady"),
            "Up-to-date" => number("updatedNumberScheduled"),
            "Available" => number("numberAvailable"),
            "Node Selector" => cells::labels(&template["nodeSelector"]),
            "Containers" => cells::containers(template),
            "Images" => cells::images(template),
            "Selector" => cells::selector(&object["spec"]["selector"]),
            _ => return None,
        };
        Some(cell)
    }
}
