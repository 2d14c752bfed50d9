//! Pods and containers of a node.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::Context;
use styr_base::{SharedClock, Tasks};
use styr_cri::v1;
use styr_kernel::cgroups::Cgroups;
use styr_kernel::mounts;
use styr_oci::pod_init::protocol::Ended;
use tokio::sync::{broadcast, oneshot};
use tonic::Status;

use crate::cni::Cni;
use crate::command::Config;
use crate::images::Store;
use crate::streaming::Streams;

mod containers;
pub(crate) mod convert;
mod exec;
mod model;
mod pods;
mod recover;
mod stats;

pub(crate) use exec::Session;
pub(crate) use model::{Container, Life, Pod};

/// Events that a slow reader may be behind before it loses some.
const MOST_EVENTS: usize = 1024;

/// All of it.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) config: Config,
    pub(crate) images: Store,
    pub(crate) cni: Cni,
    pub(crate) clock: SharedClock,
    pub(crate) streams: Streams,
    cgroups: Cgroups,
    /// The own program, as nobody can change it.
    program: PathBuf,
    _program: OwnedFd,
    known: Mutex<Known>,
    execs: Mutex<HashMap<String, oneshot::Sender<Ended>>>,
    events: broadcast::Sender<v1::ContainerEventResponse>,
    tasks: Tasks,
}

#[derive(Debug, Default)]
struct Known {
    pods: BTreeMap<String, Arc<Pod>>,
    containers: BTreeMap<String, Arc<Container>>,
}

impl Runtime {
    /// Opens the folders, and finds what is there already.
    pub(crate) async fn open(
        config: Config,
        clock: SharedClock,
        streams: Streams,
    ) -> anyhow::Result<Arc<Self>> {
        for folder in [
            config.pods(),
            config.containers(),
            config.running(),
            config.networks(),
        ] {
            fs::create_dir_all(&folder)
                .with_context(|| format!("could not make {}", folder.display()))?;
        }
        let images = Store::open(&config.images)?;
        let (held, program) = mounts::sealed_program(Path::new("/proc/self/exe"))
            .context("could not protect the own program")?;
        let cni = Cni {
            configurations: config.cni_configurations.clone(),
            programs: config.cni_programs.clone(),
        };
        let runtime = Arc::new(Self {
            images,
            cni,
            clock,
            streams,
            cgroups: Cgroups::detect()?,
            program,
            _program: held,
            known: Mutex::default(),
            execs: Mutex::default(),
            events: broadcast::channel(MOST_EVENTS).0,
            tasks: Tasks::new(),
            config,
        });
        runtime.recover().await?;
        Ok(runtime)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("no holder of this lock panics")
    }

    /// A pod by its id.
    pub(crate) fn pod(&self, id: &str) -> Result<Arc<Pod>, Status> {
        let found = self.known().pods.get(id).cloned();
        found.ok_or_else(|| {
            Status::not_found(format!(
                "an error occurred when try to find sandbox: not found: {id:?}"
            ))
        })
    }

    /// A container by its id.
    pub(crate) fn container(&self, id: &str) -> Result<Arc<Container>, Status> {
        let found = self.known().containers.get(id).cloned();
        found.ok_or_else(|| {
            Status::not_found(format!(
                "an error occurred when try to find container {id:?}: not found"
            ))
        })
    }

    /// All pods.
    pub(crate) fn pods(&self) -> Vec<Arc<Pod>> {
        self.known().pods.values().cloned().collect()
    }

    /// All containers.
    pub(crate) fn containers(&self) -> Vec<Arc<Container>> {
        self.known().containers.values().cloned().collect()
    }

    /// Those of one pod.
    pub(crate) fn containers_of(&self, pod: &str) -> Vec<Arc<Container>> {
        let known = self.known();
        known
            .containers
            .values()
            .filter(|container| container.pod == pod)
            .cloned()
            .collect()
    }

    /// What happens from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<v1::ContainerEventResponse> {
        self.events.subscribe()
    }

    /// Nanoseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        i64::try_from(self.clock.now().as_nanosecond()).unwrap_or(i64::MAX)
    }

    /// Tells of a container or pod, with its pod's state as it is now.
    fn announce(&self, id: &str, pod: &str, kind: v1::ContainerEventType) {
        if self.events.receiver_count() == 0 {
            return;
        }
        let found = self.pod(pod).ok();
        let statuses = self.containers_of(pod);
        let event = v1::ContainerEventResponse {
            container_id: id.to_owned(),
            container_event_type: kind.into(),
            created_at: self.now(),
            pod_sandbox_status: found.map(|pod| convert::pod_status(&pod)),
            containers_statuses: statuses.iter().map(|one| self.status_of(one)).collect(),
        };
        // Nobody listens any more: then nobody misses it.
        let _ = self.events.send(event);
    }
}

/// A new id: 64 hexadecimal digits, as everybody's are.
fn new_id() -> String {
    format!(
        "{}{}",
        uuid::Uuid::new_v4().simple(),
        uuid::Uuid::new_v4().simple()
    )
}

/// An error of ours, as the contract tells it.
pub(crate) fn failed(error: &anyhow::Error) -> Status {
    Status::unknown(format!("{error:#}"))
}
