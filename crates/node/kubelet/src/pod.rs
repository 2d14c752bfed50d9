//! Questions about a pod that many parts ask. Pure; a pod without a spec counts as an empty one.

use std::sync::LazyLock;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

/// Where a pod came from: `api` or `file`.
pub(crate) const SOURCE_ANNOTATION: &str = "kubernetes.io/config.source";
/// The uid of a static pod; on a mirror pod, of the static pod it mirrors.
pub(crate) const HASH_ANNOTATION: &str = "kubernetes.io/config.hash";
/// When the kubelet first saw the pod.
pub(crate) const SEEN_ANNOTATION: &str = "kubernetes.io/config.seen";
/// Marks a mirror pod; the value is the static pod's [`HASH_ANNOTATION`].
pub(crate) const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// The priority from which on a pod is critical to its node.
const SYSTEM_CRITICAL_PRIORITY: i32 = 2_000_000_000;

static EMPTY: LazyLock<PodSpec> = LazyLock::new(PodSpec::default);

pub(crate) fn spec(pod: &Pod) -> &PodSpec {
    pod.spec.as_ref().unwrap_or(&EMPTY)
}

pub(crate) fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

pub(crate) fn name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
}

pub(crate) fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap_or_default()
}

/// How upstream names a pod in messages: `name_namespace(uid)`.
pub(crate) fn described(pod: &Pod) -> String {
    format!("{}_{}({})", name(pod), namespace(pod), uid(pod))
}

pub(crate) fn annotation<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    let annotations = pod.metadata.annotations.as_ref()?;
    annotations.get(key).map(String::as_str)
}

pub(crate) fn is_static(pod: &Pod) -> bool {
    annotation(pod, SOURCE_ANNOTATION).is_some_and(|source| source != "api")
}

pub(crate) fn is_mirror(pod: &Pod) -> bool {
    annotation(pod, MIRROR_ANNOTATION).is_some()
}

/// Whether upstream would make room for this pod by evicting others.
pub(crate) fn is_critical(pod: &Pod) -> bool {
    is_static(pod)
        || is_mirror(pod)
        || spec(pod)
            .priority
            .is_some_and(|priority| priority >= SYSTEM_CRITICAL_PRIORITY)
}

pub(crate) fn is_deleted(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

pub(crate) fn phase(pod: &Pod) -> &str {
    let status = pod.status.as_ref();
    status
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default()
}

pub(crate) fn is_terminal(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

pub(crate) fn is_host_network(pod: &Pod) -> bool {
    spec(pod).host_network == Some(true)
}

pub(crate) fn init_containers(pod: &Pod) -> &[Container] {
    spec(pod).init_containers.as_deref().unwrap_or_default()
}

pub(crate) fn containers(pod: &Pod) -> &[Container] {
    &spec(pod).containers
}

/// Ephemeral containers in the form of ordinary ones, which has all their fields.
pub(crate) fn ephemeral_containers(pod: &Pod) -> Vec<Container> {
    let ephemeral = spec(pod).ephemeral_containers.iter().flatten();
    ephemeral
        .filter_map(|container| {
            let tree = serde_json::to_value(container).ok()?;
            serde_json::from_value(tree).ok()
        })
        .collect()
}

/// A container of any sort by its name.
pub(crate) fn container(pod: &Pod, name: &str) -> Option<Container> {
    let ordinary = init_containers(pod).iter().chain(containers(pod));
    let found = ordinary
        .into_iter()
        .find(|container| container.name == name);
    found.cloned().or_else(|| {
        let mut ephemeral = ephemeral_containers(pod).into_iter();
        ephemeral.find(|container| container.name == name)
    })
}

pub(crate) fn is_init(pod: &Pod, name: &str) -> bool {
    init_containers(pod)
        .iter()
        .any(|container| container.name == name)
}

/// Whether an init container is one that goes on beside the ordinary ones.
pub(crate) fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

pub(crate) fn restart_policy(pod: &Pod) -> &str {
    spec(pod).restart_policy.as_deref().unwrap_or("Always")
}

/// Whether a container that ended with `exit_code` is to be started again.
pub(crate) fn restarts_after(pod: &Pod, container: &Container, exit_code: i32) -> bool {
    if let Some(action) = rule_for(container, exit_code) {
        return action.starts_with("Restart");
    }
    match container.restart_policy.as_deref() {
        Some("Always") => true,
        Some("Never") => false,
        Some("OnFailure") => exit_code != 0,
        _ => match restart_policy(pod) {
            "Never" => false,
            "OnFailure" => exit_code != 0,
            _ => true,
        },
    }
}

fn rule_for(container: &Container, exit_code: i32) -> Option<&str> {
    let rules = container
        .restart_policy_rules
        .as_deref()
        .unwrap_or_default();
    let matching = rules.iter().find(|rule| {
        let codes = rule.exit_codes.as_ref();
        codes.is_some_and(|codes| {
            let listed = codes.values.iter().flatten().any(|code| *code == exit_code);
            match codes.operator.as_str() {
                "In" => listed,
                "NotIn" => !listed,
                _ => false,
            }
        })
    });
    matching.map(|rule| rule.action.as_str())
}

/// Whether any container asks for all privileges.
pub(crate) fn has_privileged(pod: &Pod) -> bool {
    let all = init_containers(pod).iter().chain(containers(pod));
    all.into_iter().any(|container| {
        let context = container.security_context.as_ref();
        context.is_some_and(|context| context.privileged == Some(true))
    })
}

/// The time that a pod has to end by itself.
pub(crate) fn grace_seconds(pod: &Pod) -> i64 {
    const UPSTREAM_DEFAULT: i64 = 30;
    let of_spec = spec(pod).termination_grace_period_seconds;
    let of_deletion = pod.metadata.deletion_grace_period_seconds;
    of_deletion.or(of_spec).unwrap_or(UPSTREAM_DEFAULT)
}
