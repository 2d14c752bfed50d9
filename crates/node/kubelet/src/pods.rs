//! All pods of the node: joins the sources, keeps one worker for each, and mirrors static pods.
//!
//! The only owner of workers. It knows pods by uid; what a pod does is its worker's business.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::{Node, Pod};
use styr_base::Tasks;
use styr_client::{Cache, Change, Object, Subscription};
use styr_meta::Quantity;
use tokio::sync::mpsc;

use crate::admission::{host, pressure};
use crate::cgroups::CLASSES;
use crate::launch::resources;
use crate::shared::Shared;
use crate::worker::{self, Desired};
use crate::{admission, pod, qos, static_pods};

mod mirror;
mod orphans;
mod table;

use table::Entry;
pub(crate) use table::Table;

/// Ended workers that wait to be noticed.
const ENDED_MAX: usize = 1024;

/// Keeps the table.
pub(crate) struct Pods {
    shared: Arc<Shared>,
    table: Table,
    node: Option<Cache<Node>>,
    tasks: Tasks,
    ended: (mpsc::Sender<String>, mpsc::Receiver<String>),
    /// By uid. A static pod may have to wait for an older one of the same name.
    static_pods: BTreeMap<String, Arc<Pod>>,
    /// What the class of burstable pods was last weighed by.
    burstable_milli: Option<i64>,
    /// Uids of static pods whose mirrors are being made.
    mirroring: Arc<Mutex<HashSet<String>>>,
}

impl Pods {
    pub(crate) fn new(shared: Arc<Shared>, table: Table, node: Option<Cache<Node>>) -> Self {
        Self {
            shared,
            table,
            node,
            tasks: Tasks::new(),
            ended: mpsc::channel(ENDED_MAX),
            static_pods: BTreeMap::new(),
            burstable_milli: None,
            mirroring: Arc::default(),
        }
    }

    /// Until dropped.
    pub(crate) async fn run(mut self) {
        let config = &self.shared.config;
        let directory = config.static_pod_path.clone();
        let mut source = directory.map(|path| static_pods::Source::new(path, &config.node_name));
        let mut api = self
            .shared
            .server
            .as_ref()
            .map(|server| server.pods.subscribe());
        if let Some(source) = &mut source {
            self.take_static(source.read());
        }
        let mut node = self.node.as_ref().map(Cache::subscribe);
        if api.is_none() {
            self.end_orphans().await;
        }
        loop {
            let from_files = async {
                match &source {
                    Some(source) => source.changed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = from_files => {
                    if let Some(source) = &mut source {
                        let pods = source.read();
                        self.take_static(pods);
                    }
                }
                change = next(&mut api) => match change {
                    None => return,
                    Some(Change::Synced) => {
                        self.end_orphans().await;
                        self.mirror_all();
                    }
                    Some(Change::Applied { new, .. }) => self.applied(new),
                    Some(Change::Deleted(old)) => self.deleted(&old),
                },
                // Mirrors are owned by the node, so they wait for it.
                change = next(&mut node) => match change {
                    None => return,
                    Some(_) => self.mirror_all(),
                },
                uid = self.ended.1.recv() => if let Some(uid) = uid {
                    self.forget(&uid);
                },
            }
        }
    }

    fn take_static(&mut self, pods: Vec<Pod>) {
        let seen = self.shared.clock.now().to_string();
        let pods = pods.into_iter().map(|mut pod| {
            let uid = pod::uid(&pod).to_owned();
            if let Some(known) = self.static_pods.get(&uid) {
                return (uid, Arc::clone(known));
            }
            let annotations = pod.metadata.annotations.get_or_insert_default();
            annotations.insert(pod::SEEN_ANNOTATION.into(), seen.clone());
            (uid, Arc::new(pod))
        });
        let new: BTreeMap<String, Arc<Pod>> = pods.collect();
        for (uid, old) in std::mem::replace(&mut self.static_pods, new) {
            if !self.static_pods.contains_key(&uid) {
                self.remove(&uid);
                self.unmirror(&old);
            }
        }
        self.start_static();
        self.mirror_all();
    }

    /// Starts static pods whose name is free.
    fn start_static(&mut self) {
        for pod in self.static_pods.values().cloned().collect::<Vec<_>>() {
            let taken = self.table.find(pod::namespace(&pod), pod::name(&pod));
            if taken.is_none() {
                self.start(pod);
            }
        }
    }

    fn applied(&mut self, new: Arc<Pod>) {
        if pod::is_mirror(&new) {
            self.mirror_changed(&new);
            return;
        }
        let uid = pod::uid(&new).to_owned();
        let mut entries = self.table.entries();
        let Some(entry) = entries.get_mut(&uid) else {
            drop(entries);
            self.start(new);
            return;
        };
        let is_news = differs(&entry.pod, &new);
        entry.pod = Arc::clone(&new);
        if is_news {
            entry
                .handle
                .desired
                .send_modify(|desired| desired.pod = new);
        }
        entry.handle.api_changed();
    }

    fn deleted(&mut self, old: &Arc<Pod>) {
        if pod::is_mirror(old) {
            self.mirror_all();
        } else {
            self.remove(pod::uid(old));
        }
    }

    fn remove(&self, uid: &str) {
        let entries = self.table.entries();
        if let Some(entry) = entries.get(uid) {
            entry
                .handle
                .desired
                .send_modify(|desired| desired.is_removed = true);
        }
    }

    fn start(&mut self, pod: Arc<Pod>) {
        let uid = pod::uid(&pod).to_owned();
        let rejected = self.admit(&pod);
        if let Some((reason, message)) = &rejected {
            self.shared.events.warning(&pod, reason, message.clone());
        }
        let desired = Desired {
            pod: Arc::clone(&pod),
            is_removed: false,
            rejected,
            evicted: None,
        };
        let (handle, run) = worker::new(&self.shared, desired);
        let ended = self.ended.0.clone();
        let id = uid.clone();
        self.tasks.spawn_infallible(async move {
            Box::pin(run).await;
            // Fails only if the table is gone, and then nobody wants to know.
            let _ = ended.send(id).await;
        });
        let mut entries = self.table.entries();
        entries.insert(uid, Entry { pod, handle });
        drop(entries);
        self.weigh_burstable();
    }

    /// The class of pods that asked for some, but not all, shares processors by what they asked for.
    fn weigh_burstable(&mut self) {
        let active = self.table.active();
        let burstable = active.iter().filter(|pod| qos::class(pod) == "Burstable");
        let milli = burstable.map(|pod| resources::pod_request(pod, "cpu").milli_value());
        let milli: i64 = milli.sum();
        if self.burstable_milli == Some(milli) {
            return;
        }
        match self.shared.cgroups.weigh(CLASSES[0], milli) {
            Ok(()) => self.burstable_milli = Some(milli),
            Err(error) => tracing::warn!(%error, "could not weigh the class of burstable pods"),
        }
    }

    fn admit(&self, pod: &Pod) -> Option<(String, String)> {
        // What has run here already was admitted by an earlier process.
        let has_run = pod
            .status
            .as_ref()
            .is_some_and(|status| status.start_time.is_some());
        if has_run || pod::is_deleted(pod) || pod::is_terminal(pod) {
            return None;
        }
        let node = self
            .node
            .as_ref()
            .and_then(|nodes| nodes.get(None, &self.shared.config.node_name));
        let list = self.shared.machine.allocatable_list(&self.shared.config);
        let allocatable: BTreeMap<String, Quantity> = list
            .into_iter()
            .filter_map(|(name, text)| Some((name, Quantity::parse(&text.0).ok()?)))
            .collect();
        let others: Vec<Arc<Pod>> = {
            let entries = self.table.entries();
            let running = entries.values().filter(|entry| !entry.has_ended());
            running.map(|entry| Arc::clone(&entry.pod)).collect()
        };
        let allowed = &self.shared.config.allowed_unsafe_sysctls;
        let pressures = self.shared.pressures.borrow().clone();
        let checked = pressure::check(pod, &pressures)
            .and_then(|()| admission::check(pod, &others, node.as_deref(), &allocatable))
            .and_then(|()| host::sysctls(pod, allowed))
            .and_then(|()| host::app_armor(pod, self.shared.machine.has_app_armor))
            .and_then(|()| host::not_implemented(pod));
        checked.err()
    }

    fn forget(&mut self, uid: &str) {
        self.table.entries().remove(uid);
        self.weigh_burstable();
        self.start_static();
    }
}

async fn next<K: Object>(changes: &mut Option<Subscription<K>>) -> Option<Change<K>> {
    match changes {
        Some(changes) => changes.next().await,
        None => std::future::pending().await,
    }
}

/// Whether a worker has to look: anything but what it wrote itself.
fn differs(old: &Pod, new: &Pod) -> bool {
    let foreign = |pod: &Pod| {
        let status = pod.status.as_ref();
        let conditions = status
            .and_then(|status| status.conditions.as_ref())
            .into_iter()
            .flatten();
        let foreign = conditions
            .filter(|c| !crate::status::conditions::OWNED.contains(&c.type_.as_str()))
            .map(|c| (c.type_.clone(), c.status.clone()));
        foreign.collect::<Vec<_>>()
    };
    old.spec != new.spec
        || old.metadata.labels != new.metadata.labels
        || old.metadata.annotations != new.metadata.annotations
        || old.metadata.deletion_timestamp != new.metadata.deletion_timestamp
        || old.metadata.deletion_grace_period_seconds != new.metadata.deletion_grace_period_seconds
        || pod::phase(old) != pod::phase(new)
        || foreign(old) != foreign(new)
}
