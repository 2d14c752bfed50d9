//! A pod, with what plugins ask about it computed once.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use styr_client::{Key, controller_of};

use crate::resources::{self, Resources};
use crate::terms::Affinity;

/// A port of the node that a pod takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct HostPort {
    pub(crate) address: String,
    pub(crate) protocol: String,
    pub(crate) port: i32,
}

/// Any address of the node.
const ANY: &str = "0.0.0.0";

impl HostPort {
    /// Whether two pods cannot both have them on one node.
    pub(crate) fn conflicts(&self, other: &Self) -> bool {
        self.port == other.port
            && self.protocol == other.protocol
            && (self.address == other.address || self.address == ANY || other.address == ANY)
    }
}

/// A pod as the scheduler sees it.
#[derive(Debug)]
pub(crate) struct PodInfo {
    pub(crate) pod: Arc<Pod>,
    pub(crate) uid: String,
    pub(crate) key: Key,
    pub(crate) priority: i32,
    pub(crate) requests: Resources,
    /// For scoring: containers without a request count for something.
    pub(crate) assumed_requests: Resources,
    pub(crate) ports: Vec<HostPort>,
    /// The uid of the object that made it and likely others alike.
    pub(crate) controller: Option<String>,
    pub(crate) affinity: Affinity,
    /// The names of the claims that its volumes name.
    pub(crate) claims: Vec<String>,
}

impl PodInfo {
    pub(crate) fn new(pod: Arc<Pod>) -> Self {
        let none = PodSpec::default();
        let spec = pod.spec.as_ref().unwrap_or(&none);
        let key = Key::of(&*pod);
        let (requests, assumed_requests) = resources::requests(spec);
        Self {
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            affinity: Affinity::of(spec, &key.namespace, pod.metadata.labels.as_ref()),
            key,
            priority: spec.priority.unwrap_or(0),
            requests,
            assumed_requests,
            ports: ports(spec),
            claims: claims(spec),
            controller: controller_of(&pod.metadata).map(|owner| owner.uid.clone()),
            pod,
        }
    }

    pub(crate) fn spec(&self) -> &PodSpec {
        static NONE: std::sync::LazyLock<PodSpec> = std::sync::LazyLock::new(PodSpec::default);
        self.pod.spec.as_ref().unwrap_or(&NONE)
    }

    /// The node it was given, or nothing.
    pub(crate) fn node(&self) -> Option<&str> {
        let node = self.spec().node_name.as_deref();
        node.filter(|node| !node.is_empty())
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    pub(crate) fn scheduler(&self) -> &str {
        let name = self.spec().scheduler_name.as_deref();
        name.unwrap_or("default-scheduler")
    }
}

fn claims(spec: &PodSpec) -> Vec<String> {
    let volumes = spec.volumes.iter().flatten();
    let sources = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref());
    sources.map(|source| source.claim_name.clone()).collect()
}

fn ports(spec: &PodSpec) -> Vec<HostPort> {
    let staying = spec.init_containers.iter().flatten();
    let staying = staying.filter(|init| init.restart_policy.as_deref() == Some("Always"));
    let containers = spec.containers.iter().chain(staying);
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    let taken = ports.filter_map(|port| {
        let address = port.host_ip.clone().filter(|address| !address.is_empty());
        Some(HostPort {
            address: address.unwrap_or_else(|| ANY.to_owned()),
            protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
            port: port.host_port.filter(|port| *port > 0)?,
        })
    });
    taken.collect()
}
