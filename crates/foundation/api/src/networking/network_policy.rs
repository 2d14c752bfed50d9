//! `NetworkPolicy`: <https://kubernetes.io/docs/concepts/services-networking/network-policies/>.

use serde_json::{Value, json};

use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct NetworkPolicy;

impl Rules for NetworkPolicy {
    fn default(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else {
            return;
        };
        let has_egress = !tree::items(spec, "egress").is_empty();
        if tree::items(spec, "policyTypes").is_empty() {
            spec["policyTypes"] = if has_egress {
                json!(["Ingress", "Egress"])
            } else {
                json!(["Ingress"])
            };
        }
        for list in ["ingress", "egress"] {
            for rule in tree::items_mut(spec, list) {
                for port in tree::items_mut(rule, "ports") {
                    tree::set_default(port, "protocol", "TCP");
                }
            }
        }
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        (column == "Pod-Selector").then(|| cells::selector(tree::at(object, "spec.podSelector")))
    }
}
