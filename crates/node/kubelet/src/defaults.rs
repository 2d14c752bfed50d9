//! The defaults that the API server would give a pod; static pods never pass through it.

use k8s_openapi::api::core::v1::{Container, Pod, PodSecurityContext, Probe};

use crate::images::with_tag;

/// Sets what is not set.
pub(crate) fn apply(pod: &mut Pod) {
    let spec = pod.spec.get_or_insert_default();
    spec.restart_policy.get_or_insert_with(|| "Always".into());
    spec.dns_policy.get_or_insert_with(|| "ClusterFirst".into());
    spec.termination_grace_period_seconds.get_or_insert(30);
    spec.scheduler_name
        .get_or_insert_with(|| "default-scheduler".into());
    spec.enable_service_links.get_or_insert(true);
    spec.security_context
        .get_or_insert_with(PodSecurityContext::default);
    let is_host_network = spec.host_network == Some(true);
    let init = spec.init_containers.iter_mut().flatten();
    for container in init.chain(spec.containers.iter_mut()) {
        of_container(container, is_host_network);
    }
    for volume in spec.volumes.iter_mut().flatten() {
        let mode = 0o644;
        if let Some(source) = &mut volume.config_map {
            source.default_mode.get_or_insert(mode);
        }
        if let Some(source) = &mut volume.secret {
            source.default_mode.get_or_insert(mode);
        }
        if let Some(source) = &mut volume.projected {
            source.default_mode.get_or_insert(mode);
        }
        if let Some(source) = &mut volume.downward_api {
            source.default_mode.get_or_insert(mode);
        }
        if let Some(source) = &mut volume.host_path {
            source.type_.get_or_insert_with(String::new);
        }
    }
}

fn of_container(container: &mut Container, is_host_network: bool) {
    let image = with_tag(container.image.as_deref().unwrap_or_default());
    let policy = if image.ends_with(":latest") {
        "Always"
    } else {
        "IfNotPresent"
    };
    container
        .image_pull_policy
        .get_or_insert_with(|| policy.into());
    container
        .termination_message_path
        .get_or_insert_with(|| "/dev/termination-log".into());
    container
        .termination_message_policy
        .get_or_insert_with(|| "File".into());
    for port in container.ports.iter_mut().flatten() {
        port.protocol.get_or_insert_with(|| "TCP".into());
        if is_host_network {
            port.host_port.get_or_insert(port.container_port);
        }
    }
    let resources = container.resources.get_or_insert_default();
    if let Some(limits) = resources.limits.clone() {
        let requests = resources.requests.get_or_insert_default();
        for (name, limit) in limits {
            requests.entry(name).or_insert(limit);
        }
    }
    let probes = [
        &mut container.liveness_probe,
        &mut container.readiness_probe,
        &mut container.startup_probe,
    ];
    for probe in probes.into_iter().flatten() {
        of_probe(probe);
    }
}

fn of_probe(probe: &mut Probe) {
    probe.timeout_seconds.get_or_insert(1);
    probe.period_seconds.get_or_insert(10);
    probe.success_threshold.get_or_insert(1);
    probe.failure_threshold.get_or_insert(3);
    if let Some(action) = &mut probe.http_get {
        action.path.get_or_insert_with(|| "/".into());
        action.scheme.get_or_insert_with(|| "HTTP".into());
    }
}
