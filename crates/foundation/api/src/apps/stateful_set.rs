//! `StatefulSet`: <https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/>.

use serde_json::{Value, json};

use super::deployment::ready;
use crate::core::pod_template;
use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct StatefulSet;

impl Rules for StatefulSet {
    fn default(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else {
            return;
        };
        if tree::text(spec, "updateStrategy.type") == "RollingUpdate" {
            let rolling = tree::object_mut(&mut spec["updateStrategy"], "rollingUpdate");
            tree::set_default(rolling, "partition", 0);
            tree::set_default(rolling, "maxUnavailable", 1);
        }
        if let Some(template) = spec.get_mut("template") {
            pod_template::default(template);
        }
        for claim in tree::items_mut(spec, "volumeClaimTemplates") {
            tree::set_if_zero(claim, "apiVersion", "v1");
            tree::set_if_zero(claim, "kind", "PersistentVolumeClaim");
        }
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let template = &object["spec"]["template"]["spec"];
        match column {
            "Ready" => Some(json!(ready(object))),
            "Containers" => Some(cells::containers(template)),
            "Images" => Some(cells::images(template)),
            _ => None,
        }
    }
}
