//! `PodTemplate`: a template on its own.

use serde_json::Value;

use super::pod_template;
use crate::cells;
use crate::rules::{Context, Rules};

pub(crate) struct PodTemplate;

impl Rules for PodTemplate {
    fn default(&self, object: &mut Value) {
        pod_template::default(&mut object["template"]);
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        match column {
            "Containers" => Some(cells::containers(&object["template"]["spec"])),
            "Images" => Some(cells::images(&object["template"]["spec"])),
            "Pod Labels" => Some(cells::labels(&object["template"]["metadata"]["labels"])),
            _ => None,
        }
    }
}
