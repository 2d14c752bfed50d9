//! What all workers of a kubelet use: connections, settings, facts about the machine.

use std::collections::BTreeSet;
use std::path::PathBuf;

use k8s_openapi::api::core::v1::Pod;
use styr_base::SharedClock;
use styr_client::{Cache, Client};
use tokio::sync::watch;

use crate::cgroups::Cgroups;
use crate::config::Config;
use crate::events::Events;
use crate::eviction::signal::Pressure;
use crate::images;
use crate::launch::NodeResources;
use crate::launch::dns::Resolver;
use crate::machine::Machine;
use crate::objects::Objects;
use crate::pod;
use crate::probes;
use crate::runtime::Runtime;
use crate::volumes::token::Tokens;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) clock: SharedClock,
    pub(crate) runtime: Runtime,
    pub(crate) objects: Objects,
    pub(crate) tokens: Tokens,
    pub(crate) events: Events,
    pub(crate) resolver: Resolver,
    pub(crate) cgroups: Cgroups,
    pub(crate) machine: Machine,
    pub(crate) host_ips: Vec<String>,
    /// What the node is short of.
    pub(crate) pressures: watch::Sender<BTreeSet<Pressure>>,
    /// The API server and what it says of this node's pods; without one, static pods run all the same.
    pub(crate) server: Option<Server>,
}

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) pods: Cache<Pod>,
}

impl Shared {
    pub(crate) fn pod_directory(&self, uid: &str) -> PathBuf {
        self.config.root_dir.join("pods").join(uid)
    }

    pub(crate) fn allocatable(&self) -> NodeResources {
        self.machine.allocatable(&self.config)
    }

    pub(crate) fn probe_tools(&self) -> probes::Tools {
        probes::Tools {
            runtime: self.runtime.clone(),
            clock: self.clock.clone(),
            events: self.events.clone(),
        }
    }

    pub(crate) fn image_tools(&self) -> images::Tools<'_> {
        images::Tools {
            runtime: &self.runtime,
            clock: &self.clock,
            events: &self.events,
            objects: &self.objects,
        }
    }

    /// The pod's object in the API: itself, or for a static pod its mirror.
    pub(crate) fn api_pod(&self, pod: &Pod) -> Option<std::sync::Arc<Pod>> {
        let pods = &self.server.as_ref()?.pods;
        let found = pods.get(Some(pod::namespace(pod)), pod::name(pod))?;
        let is_it = if pod::is_static(pod) {
            pod::annotation(&found, pod::MIRROR_ANNOTATION) == Some(pod::uid(pod))
        } else {
            pod::uid(&found) == pod::uid(pod)
        };
        is_it.then_some(found)
    }
}
