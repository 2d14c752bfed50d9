//! `HorizontalPodAutoscaler`: <https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/>.

pub(crate) mod v1;

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, GroupVersion, names};

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct HorizontalPodAutoscaler;

/// The use of processors that is aimed for when nothing is said.
const CPU_PERCENT: i64 = 80;
const SHOWN_MAX: usize = 2;

impl Rules for HorizontalPodAutoscaler {
    fn default(&self, object: &mut Value) {
        let Some(spec) = object.get_mut("spec") else {
            return;
        };
        if tree::items(spec, "metrics").is_empty() {
            spec["metrics"] = json!([cpu_metric(CPU_PERCENT)]);
        }
        let Some(behavior) = spec.get_mut("behavior").filter(|it| it.is_object()) else {
            return;
        };
        let up = json!({
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [
                {"type": "Pods", "value": 4, "periodSeconds": 15},
                {"type": "Percent", "value": 100, "periodSeconds": 15},
            ],
        });
        let down = json!({
            "selectPolicy": "Max",
            "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
        });
        for (name, defaults) in [("scaleUp", up), ("scaleDown", down)] {
            let rules = tree::object_mut(behavior, name);
            for (field, value) in defaults.as_object().into_iter().flatten() {
                tree::set_default(rules, field, value.clone());
            }
        }
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let (spec, path) = (tree::at(object, "spec"), Path::root("spec"));
        let mut errors = Vec::new();
        let min = tree::at(spec, "minReplicas").as_i64();
        let max = tree::number(spec, "maxReplicas");
        let at = path.child("maxReplicas");
        if let Some(min) = min.filter(|min| *min < 0) {
            let text = "must be greater than or equal to 0";
            errors.push(FieldError::invalid(path.child("minReplicas"), min, text));
        }
        if max == 0 {
            errors.push(FieldError::required(&at, ""));
        } else if max < 0 {
            errors.push(FieldError::invalid(
                &at,
                max,
                "must be greater than or equal to 1",
            ));
        }
        if min.is_some_and(|min| max < min) {
            let text = "must be greater than or equal to `minReplicas`";
            errors.push(FieldError::invalid(&at, max, text));
        }
        target_reference(
            tree::at(spec, "scaleTargetRef"),
            &path.child("scaleTargetRef"),
            &mut errors,
        );
        errors
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let cell = match column {
            "Reference" => {
                let target = tree::at(object, "spec.scaleTargetRef");
                json!(format!(
                    "{}/{}",
                    tree::text(target, "kind"),
                    tree::text(target, "name")
                ))
            }
            "Targets" => json!(targets(object)),
            "MinPods" => match tree::at(object, "spec.minReplicas") {
                Value::Null => json!("<unset>"),
                number => json!(number.to_string()),
            },
            "MaxPods" => json!(tree::number(object, "spec.maxReplicas")),
            "Replicas" => json!(tree::number(object, "status.currentReplicas")),
            _ => return None,
        };
        Some(cell)
    }
}

fn cpu_metric(percent: i64) -> Value {
    json!({
        "type": "Resource",
        "resource": {
            "name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": percent},
        },
    })
}

fn targets(object: &Value) -> String {
    let specs = tree::items(object, "spec.metrics");
    let statuses = tree::items(object, "status.currentMetrics");
    if specs.is_empty() {
        return "<none>".to_owned();
    }
    let null = Value::Null;
    let mut all: Vec<String> = specs
        .iter()
        .enumerate()
        .map(|(index, spec)| target(spec, statuses.get(index).unwrap_or(&null)))
        .collect();
    let count = all.len();
    all.truncate(SHOWN_MAX);
    let shown = all.join(", ");
    if count > SHOWN_MAX {
        format!("{shown} + {} more...", count - SHOWN_MAX)
    } else {
        shown
    }
}

/// What is, and what is aimed for.
fn target(spec: &Value, status: &Value) -> String {
    let kind = tree::text(spec, "type");
    let mut letters = kind.chars();
    let field: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_lowercase)
        .chain(letters)
        .collect();
    let source = tree::at(spec, &field);
    let wanted = tree::at(source, "target");
    let current = tree::at(tree::at(status, &field), "current");
    let seen = |name: &str| match tree::at(current, name) {
        Value::String(text) => text.clone(),
        _ => "<unknown>".to_owned(),
    };
    let percent = |value: &Value, missing: &str| match value.as_i64() {
        Some(number) => format!("{number}%"),
        None => missing.to_owned(),
    };
    let average = tree::at(wanted, "averageValue").as_str();
    match kind {
        "Resource" | "ContainerResource" => {
            let name = tree::text(source, "name");
            match average {
                Some(average) => format!("{name}: {}/{average}", seen("averageValue")),
                None => {
                    let now = percent(tree::at(current, "averageUtilization"), "<unknown>");
                    let aim = percent(tree::at(wanted, "averageUtilization"), "<auto>");
                    format!("{name}: {now}/{aim}")
                }
            }
        }
        "Pods" => format!("{}/{}", seen("averageValue"), average.unwrap_or_default()),
        "Object" | "External" => match average {
            Some(average) => format!("{}/{average} (avg)", seen("averageValue")),
            None => format!("{}/{}", seen("value"), tree::text(wanted, "value")),
        },
        _ => "<unknown type>".to_owned(),
    }
}

fn target_reference(reference: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for field in ["kind", "name"] {
        match tree::text(reference, field) {
            "" => errors.push(FieldError::required(path.child(field), "")),
            name => {
                for text in names::path_segment(name) {
                    errors.push(FieldError::invalid(path.child(field), name, text));
                }
            }
        }
    }
    let version = tree::text(reference, "apiVersion");
    let parsed = GroupVersion::parse(version);
    let grouped = ["Pod", "Node", "Service", "ReplicationController"];
    if parsed.as_ref().is_some_and(|it| it.group.is_empty())
        && !grouped.contains(&tree::text(reference, "kind"))
    {
        let text = "apiVersion must specify API group";
        errors.push(FieldError::invalid(path.child("apiVersion"), version, text));
    }
    if parsed.is_none() {
        let text = format!("unexpected GroupVersion string: {version}");
        errors.push(FieldError::invalid(path.child("apiVersion"), version, text));
    }
}
