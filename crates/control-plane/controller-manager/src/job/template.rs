//! The pods of a Job.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::shared::ownership;

/// Keeps a pod until it is counted.
pub(super) const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
const VARIABLE: &str = "JOB_COMPLETION_INDEX";

/// A pod that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Creation {
    /// Of an indexed Job.
    pub(super) index: Option<i32>,
    /// How often this index has failed, where that is limited.
    pub(super) failures: Option<i32>,
}

/// The index that a pod works on.
pub(super) fn index(pod: &Pod) -> Option<i32> {
    pod.metadata.annotations.as_ref()?.get(INDEX)?.parse().ok()
}

/// How often its index had failed when the pod was made.
pub(super) fn failures(pod: &Pod) -> i32 {
    let annotations = pod.metadata.annotations.as_ref();
    let text = annotations.and_then(|annotations| annotations.get(FAILURES));
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Whether the pod has not been counted yet.
pub(super) fn is_tracked(pod: &Pod) -> bool {
    pod.metadata
        .finalizers
        .iter()
        .flatten()
        .any(|finalizer| finalizer == FINALIZER)
}

/// The pod to create.
pub(super) fn pod(job: &Job, creation: &Creation) -> Pod {
    let job_name = job.metadata.name.as_deref().unwrap_or_default();
    let template = job
        .spec
        .as_ref()
        .map(|spec| spec.template.clone())
        .unwrap_or_default();
    let metadata = template.metadata.unwrap_or_default();
    let mut spec = template.spec.unwrap_or_default();
    let (mut labels, mut annotations) = (metadata.labels, metadata.annotations);
    let mut prefix = format!("{job_name}-");
    if let Some(index) = creation.index {
        labels
            .get_or_insert_default()
            .insert(INDEX.to_owned(), index.to_string());
        annotations
            .get_or_insert_default()
            .insert(INDEX.to_owned(), index.to_string());
        spec.hostname = Some(format!("{job_name}-{index}"));
        prefix = format!("{job_name}-{index}-");
        let containers = spec
            .init_containers
            .iter_mut()
            .flatten()
            .chain(&mut spec.containers);
        for container in containers {
            let variables = container.env.get_or_insert_default();
            if !variables.iter().any(|variable| variable.name == VARIABLE) {
                variables.push(index_variable());
            }
        }
    }
    if let Some(failures) = creation.failures {
        let annotations = annotations.get_or_insert_default();
        annotations.insert(FAILURES.to_owned(), failures.to_string());
    }
    let mut finalizers = metadata.finalizers.unwrap_or_default();
    finalizers.push(FINALIZER.to_owned());
    Pod {
        metadata: ObjectMeta {
            generate_name: Some(prefix),
            namespace: job.metadata.namespace.clone(),
            labels,
            annotations,
            finalizers: Some(finalizers),
            owner_references: Some(vec![ownership::reference(job)]),
            ..ObjectMeta::default()
        },
        spec: Some(spec),
        status: None,
    }
}

fn index_variable() -> EnvVar {
    EnvVar {
        name: VARIABLE.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: format!("metadata.labels['{INDEX}']"),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}
