//! The configuration of a pod's sandbox.

use k8s_openapi::api::core::v1::Pod;
use styr_cri::v1;

use super::dns::{self, Resolver};
use super::{Failure, hosts, resources, security};
use crate::{identity, pod};

/// What a sandbox depends on besides the pod.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    pub(crate) resolver: &'a Resolver,
    pub(crate) logs: &'a std::path::Path,
    pub(crate) cgroup_parent: String,
    pub(crate) extra_groups: &'a [i64],
}

pub(crate) fn config(
    pod: &Pod,
    attempt: u32,
    settings: Settings<'_>,
) -> Result<v1::PodSandboxConfig, Failure> {
    let failed = |message: String| Failure::new("ConfigPodSandboxError", message);
    let mut hostname = String::new();
    if !pod::is_host_network(pod) {
        let (name, domain) =
            hosts::names(pod, &settings.resolver.cluster_domain).map_err(failed)?;
        hostname = hosts::kernel_name(pod, &name, &domain).map_err(failed)?;
    }
    let logs = settings.logs.join(identity::log_directory(pod));
    Ok(v1::PodSandboxConfig {
        metadata: Some(v1::PodSandboxMetadata {
            name: pod::name(pod).into(),
            uid: pod::uid(pod).into(),
            namespace: pod::namespace(pod).into(),
            attempt,
        }),
        hostname,
        log_directory: logs.to_string_lossy().into_owned(),
        dns_config: Some(dns::config(pod, settings.resolver)),
        port_mappings: port_mappings(pod),
        labels: identity::pod_labels(pod).into_iter().collect(),
        annotations: pod
            .metadata
            .annotations
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect(),
        linux: Some(v1::LinuxPodSandboxConfig {
            cgroup_parent: settings.cgroup_parent,
            security_context: Some(security::of_sandbox(pod, settings.extra_groups)),
            sysctls: sysctls(pod),
            overhead: Some(v1::LinuxContainerResources::default()),
            resources: Some(sandbox_resources(pod)),
        }),
        windows: None,
    })
}

fn port_mappings(pod: &Pod) -> Vec<v1::PortMapping> {
    let sidecars = pod::init_containers(pod)
        .iter()
        .filter(|c| pod::is_sidecar(c));
    let ports = sidecars
        .chain(pod::containers(pod))
        .flat_map(|c| c.ports.iter().flatten());
    ports
        .map(|port| v1::PortMapping {
            protocol: match port.protocol.as_deref() {
                Some("UDP") => v1::Protocol::Udp.into(),
                Some("SCTP") => v1::Protocol::Sctp.into(),
                _ => v1::Protocol::Tcp.into(),
            },
            container_port: port.container_port,
            host_port: port.host_port.unwrap_or(0),
            host_ip: port.host_ip.clone().unwrap_or_default(),
        })
        .collect()
}

fn sysctls(pod: &Pod) -> std::collections::HashMap<String, String> {
    let context = pod::spec(pod).security_context.as_ref();
    let list = context.and_then(|context| context.sysctls.as_ref());
    list.into_iter()
        .flatten()
        .map(|sysctl| (sysctl.name.clone(), sysctl.value.clone()))
        .collect()
}

fn sandbox_resources(pod: &Pod) -> v1::LinuxContainerResources {
    let cpu_limit = resources::pod_limit(pod, "cpu").map_or(0, |limit| limit.milli_value());
    let memory = resources::pod_limit(pod, "memory").map_or(0, |limit| limit.value());
    let quota = resources::quota(cpu_limit);
    v1::LinuxContainerResources {
        cpu_period: 100_000,
        cpu_quota: quota,
        cpu_shares: resources::shares(resources::pod_request(pod, "cpu").milli_value()),
        memory_limit_in_bytes: memory,
        ..v1::LinuxContainerResources::default()
    }
}
