//! `StatefulSet`: <https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/>.

use serde_json::{Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use super::counts::StatusCounts;
use super::deployment::ready;
use super::workload;
use crate::core::{persistent_volume_claim, pod_template};
use crate::rules::{Context, Rules};
use crate::{cells, numbers, tree};

pub(crate) struct StatefulSet;

/// The numbers of its status.
const STATUS: StatusCounts = StatusCounts {
    counts: &[
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
        "observedGeneration",
        "collisionCount",
    ],
    parts: &[
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
    ],
    ready: "status.readyReplicas",
};

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

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let (spec, path) = (tree::at(object, "spec"), Path::root("spec"));
        let mut errors = Vec::new();
        policies(spec, &path, &mut errors);
        for field in ["replicas", "minReadySeconds", "revisionHistoryLimit"] {
            numbers::count(spec, &path, field, &mut errors);
        }
        let service = tree::text(spec, "serviceName");
        if !service.is_empty() {
            for text in names::dns1123_label(service) {
                errors.push(FieldError::invalid(
                    path.child("serviceName"),
                    service,
                    text,
                ));
            }
        }
        let claims = path.child("volumeClaimTemplates");
        for (index, claim) in tree::items(spec, "volumeClaimTemplates").iter().enumerate() {
            let at = claims.index(index).child("spec");
            persistent_volume_claim::spec(tree::at(claim, "spec"), &at, &mut errors);
        }
        let spec = with_claims(spec);
        workload::selector_and_template(&spec, &path, "statefulset", &mut errors);
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value, cx: &Context) -> Vec<FieldError> {
        let mut errors = self.validate(object, cx);
        let fields = [
            "selector",
            "volumeClaimTemplates",
            "serviceName",
            "podManagementPolicy",
        ];
        for field in fields {
            workload::immutable(object, old, field, &mut errors);
        }
        errors
    }

    fn validate_status_update(
        &self,
        object: &Value,
        old: &Value,
        _cx: &Context,
    ) -> Vec<FieldError> {
        STATUS.check(object, old)
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

fn policies(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let policy = tree::text(spec, "podManagementPolicy");
    if !matches!(policy, "OrderedReady" | "Parallel") {
        let at = path.child("podManagementPolicy");
        errors.push(FieldError::invalid(
            at,
            policy,
            "must be 'OrderedReady' or 'Parallel'",
        ));
    }
    let retention = tree::at(spec, "persistentVolumeClaimRetentionPolicy");
    let at = path.child("persistentVolumeClaimRetentionPolicy");
    for field in ["whenDeleted", "whenScaled"] {
        let (value, known) = (tree::text(retention, field), ["Retain", "Delete"]);
        if !known.contains(&value) {
            errors.push(FieldError::not_supported(at.child(field), value, &known));
        }
    }
    let strategy = tree::at(spec, "updateStrategy");
    let rolling = tree::at(strategy, "rollingUpdate");
    let at = path.child("updateStrategy");
    match tree::text(strategy, "type") {
        "" => errors.push(FieldError::required(at, "")),
        "RollingUpdate" => {
            let at = at.child("rollingUpdate");
            numbers::count(rolling, &at, "partition", errors);
            numbers::share(
                tree::at(rolling, "maxUnavailable"),
                &at.child("maxUnavailable"),
                errors,
            );
        }
        "OnDelete" if !rolling.is_null() => {
            let text = "only allowed for updateStrategy 'RollingUpdate'";
            errors.push(FieldError::invalid(
                at.child("rollingUpdate"),
                rolling.clone(),
                text,
            ));
        }
        "OnDelete" => {}
        _ => {
            let text = "must be 'RollingUpdate' or 'OnDelete'";
            errors.push(FieldError::invalid(at, strategy.clone(), text));
        }
    }
}

/// The spec as its pods will be: every template of a claim is a volume.
fn with_claims(spec: &Value) -> Value {
    let mut spec = spec.clone();
    let names: Vec<String> = tree::items(&spec, "volumeClaimTemplates")
        .iter()
        .map(|claim| styr_meta::object::name(claim).to_owned())
        .collect();
    if names.is_empty() {
        return spec;
    }
    let own = tree::items(&spec, "template.spec.volumes").to_vec();
    let own = own
        .into_iter()
        .filter(|it| !names.iter().any(|name| name == tree::text(it, "name")));
    let claims = names
        .iter()
        .map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}}));
    let all: Vec<Value> = claims.chain(own).collect();
    spec["template"]["spec"]["volumes"] = all.into();
    spec
}
