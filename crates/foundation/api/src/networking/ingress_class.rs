//! `IngressClass`: which controller serves an Ingress.

use serde_json::{Value, json};
use styr_meta::object;

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct IngressClass;

const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

impl Rules for IngressClass {
    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        match column {
            "Name" if object::annotation(object, DEFAULT) == Some("true") => {
                Some(json!(format!("{} (default)", object::name(object))))
            }
            "Parameters" => Some(json!(parameters(tree::at(object, "spec.parameters")))),
            _ => None,
        }
    }
}

fn parameters(reference: &Value) -> String {
    if reference.is_null() {
        return "<none>".to_owned();
    }
    let (kind, name) = (tree::text(reference, "kind"), tree::text(reference, "name"));
    match tree::at(reference, "apiGroup").as_str() {
        Some(group) => format!("{kind}.{group}/{name}"),
        None => format!("{kind}/{name}"),
    }
}
