//! `ReplicationController`: <https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller/>.

use serde_json::{Value, json};

use super::pod_template;
use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct ReplicationController;

impl Rules for ReplicationController {
    fn default(&self, object: &mut Value) {
        let labels = tree::at(object, "spec.template.metadata.labels").clone();
        if labels.is_object() {
            if tree::at(object, "spec.selector")
                .as_object()
                .is_none_or(|it| it.is_empty())
            {
                object["spec"]["selector"] = labels.clone();
            }
            if tree::at(object, "metadata.labels")
                .as_object()
                .is_none_or(|it| it.is_empty())
            {
                tree::object_mut(object, "metadata")["labels"] = labels;
            }
        }
        if let Some(template) = object["spec"].get_mut("template") {
            pod_template::default(template);
        }
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let template = &object["spec"]["template"]["spec"];
        match column {
            "Desired" => Some(json!(tree::number(object, "spec.replicas"))),
            "Current" => Some(json!(tree::number(object, "status.replicas"))),
            "Ready" => Some(json!(tree::number(object, "status.readyReplicas"))),
            "Containers" => Some(cells::containers(template)),
            "Images" => Some(cells::images(template)),
            "Selector" => Some(cells::labels(&object["spec"]["selector"])),
            _ => None,
        }
    }
}
