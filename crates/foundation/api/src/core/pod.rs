//! Pod: <https://kubernetes.io/docs/concepts/workloads/pods/>.

mod columns;
mod default;
mod qos;
mod validate;

use serde_json::{Value, json};
use styr_meta::{FieldError, names, object};

use crate::rules::{Context, Graceful, Rules};
use crate::tree;

pub(crate) struct Pod;

impl Rules for Pod {
    fn default(&self, object: &mut Value) {
        default::apply(object);
    }

    fn prepare_create(&self, object: &mut Value, cx: &Context) {
        object["status"] = json!({"phase": "Pending"});
        if !tree::items(object, "spec.schedulingGates").is_empty() {
            gate(object, cx);
        }
        object["status"]["qosClass"] = qos::class(&object["spec"]).into();
    }

    fn prepare_status_update(&self, object: &mut Value, old: &Value, _cx: &Context) {
        keep_metadata(object, old, "deletionTimestamp");
        keep_metadata(object, old, "ownerReferences");
        let had = &old["status"];
        let status = tree::object_mut(object, "status");
        for field in [
            "qosClass",
            "resourceClaimStatuses",
            "extendedResourceClaimStatus",
            "observedGeneration",
        ] {
            if tree::is_unset(tree::at(status, field)) {
                tree::copy(status, had, field);
            }
        }
        keep_observed_generations(status, had);
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        validate::create(object)
    }

    fn validate_update(&self, object: &Value, old: &Value, _cx: &Context) -> Vec<FieldError> {
        validate::update(object, old)
    }

    fn validate_status_update(
        &self,
        object: &Value,
        old: &Value,
        _cx: &Context,
    ) -> Vec<FieldError> {
        validate::status(object, old)
    }

    fn warnings(&self, object: &Value, old: Option<&Value>, _cx: &Context) -> Vec<String> {
        let texts = names::dns1123_label(object::name(object));
        if old.is_some() || texts.is_empty() {
            return Vec::new();
        }
        let texts = texts.join(" ");
        vec![format!(
            "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [{texts}]"
        )]
    }

    fn selectable(&self, object: &Value, field: &str) -> Option<String> {
        match field {
            "spec.hostNetwork" => Some(tree::is_true(object, field).to_string()),
            "status.podIP" => Some(tree::text(object, field).to_owned()),
            "status.podIPs" => {
                let ips = tree::items(object, field)
                    .iter()
                    .map(|it| tree::text(it, "ip"));
                Some(ips.collect::<Vec<_>>().join(","))
            }
            _ => None,
        }
    }

    fn cell(&self, column: &str, object: &Value, cx: &Context) -> Option<Value> {
        columns::cell(column, object, cx.now)
    }

    fn graceful_delete(&self, object: &Value, requested: Option<i64>) -> Graceful {
        let own = tree::at(object, "spec.terminationGracePeriodSeconds").as_i64();
        let finished = matches!(tree::text(object, "status.phase"), "Failed" | "Succeeded");
        let period = requested.or(own).unwrap_or(0);
        match period {
            // Nobody would ever confirm that it has stopped.
            _ if tree::text(object, "spec.nodeName").is_empty() || finished => Graceful::After(0),
            i64::MIN..0 => Graceful::After(1),
            period => Graceful::After(period),
        }
    }
}

/// A pod with gates is not given to the scheduler, and says so.
fn gate(object: &mut Value, cx: &Context) {
    object["status"]["conditions"] = json!([{
        "type": "PodScheduled",
        "status": "False",
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
        "lastTransitionTime": styr_meta::time::format(cx.now),
    }]);
}

fn keep_metadata(object: &mut Value, old: &Value, field: &str) {
    let metadata = object::metadata_mut(object);
    match &old["metadata"][field] {
        Value::Null => metadata.remove(field),
        value => metadata.insert(field.to_owned(), value.clone()),
    };
}

/// Writers that do not know generations leave those of the conditions alone.
fn keep_observed_generations(status: &mut Value, had: &Value) {
    for condition in tree::items_mut(status, "conditions") {
        if tree::number(condition, "observedGeneration") != 0 {
            continue;
        }
        let same = tree::items(had, "conditions")
            .iter()
            .find(|it| tree::text(it, "type") == tree::text(condition, "type"));
        let generation = same.map_or(0, |it| tree::number(it, "observedGeneration"));
        if generation != 0 {
            condition["observedGeneration"] = generation.into();
        }
    }
}
