//! All pods of the node: joins the sources, keeps one worker for each, and mirrors static pods.
//!
//! The only owner of workers. It knows pods by uid; what a pod does is its worker's business.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::{Node, Pod, PodStatus};
use styr_base::Tasks;
use styr_client::{Cache, Change, Object, Subscription};
use styr_meta::Quantity;
use tokio::sync::{mpsc, watch};

use crate::admission::host;
use crate::shared::Shared;
use crate::worker::{self, Desired, Handle};
use crate::{admission, pod, static_pods};

mod mirror;
mod orphans;

/// Ended workers that wait to be noticed.
const ENDED_MAX: usize = 1024;

/// The pods that have a worker. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    entries: Arc<Mutex<HashMap<String, Entry>>>,
}

#[derive(Debug)]
struct Entry {
    pod: Arc<Pod>,
    handle: Handle,
}

impl Table {
    /// All pods, each with its current status.
    pub(crate) fn list(&self) -> Vec<Pod> {
        let entries = self.entries.lock().expect("no holder of this lock panics");
        let with_status = |entry: &Entry| {
            let mut pod = (*entry.pod).clone();
            pod.status = Some(entry.handle.status.borrow().clone());
            pod
        };
        entries.values().map(with_status).collect()
    }

    /// A pod by namespace and name.
    pub(crate) fn find(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        let entries = self.entries.lock().expect("no holder of this lock panics");
        let mut all = entries.values();
        let found = all.find(|e| pod::namespace(&e.pod) == namespace && pod::name(&e.pod) == name);
        found.map(|entry| Arc::clone(&entry.pod))
    }

    /// What a pod's worker last said.
    pub(crate) fn status(&self, uid: &str) -> Option<PodStatus> {
        let entries = self.entries.lock().expect("no holder of this lock panics");
        entries
            .get(uid)
            .map(|entry| entry.handle.status.borrow().clone())
    }

    /// Follows what a pod's worker says.
    pub(crate) fn watch_status(&self, uid: &str) -> Option<watch::Receiver<PodStatus>> {
        let entries = self.entries.lock().expect("no holder of this lock panics");
        entries.get(uid).map(|entry| entry.handle.status.clone())
    }

    /// Tells a worker that something happened in the runtime.
    pub(crate) fn wake(&self, uid: &str) {
        let entries = self.entries.lock().expect("no holder of this lock panics");
        if let Some(entry) = entries.get(uid) {
            entry.handle.wake.notify_one();
        }
    }

    pub(crate) fn wake_all(&self) {
        let entries = self.entries.lock().expect("no holder of this lock panics");
        for entry in entries.values() {
            entry.handle.wake.notify_one();
        }
    }
}

/// Keeps the table.
pub(crate) struct Pods {
    shared: Arc<Shared>,
    table: Table,
    node: Option<Cache<Node>>,
    tasks: Tasks,
    ended: (mpsc::Sender<String>, mpsc::Receiver<String>),
    /// By uid. A static pod may have to wait for an older one of the same name.
    static_pods: BTreeMap<String, Arc<Pod>>,
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
        let mut entries = self
            .table
            .entries
            .lock()
            .expect("no holder of this lock panics");
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
        let entries = self
            .table
            .entries
            .lock()
            .expect("no holder of this lock panics");
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
        };
        let (handle, run) = worker::new(&self.shared, desired);
        let ended = self.ended.0.clone();
        let id = uid.clone();
        self.tasks.spawn_infallible(async move {
            Box::pin(run).await;
            // Fails only if the table is gone, and then nobody wants to know.
            let _ = ended.send(id).await;
        });
        let mut entries = self
            .table
            .entries
            .lock()
            .expect("no holder of this lock panics");
        entries.insert(uid, Entry { pod, handle });
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
            let entries = self
                .table
                .entries
                .lock()
                .expect("no holder of this lock panics");
            let running = entries.values().filter(|entry| {
                let phase = entry
                    .handle
                    .status
                    .borrow()
                    .phase
                    .clone()
                    .unwrap_or_default();
                !matches!(phase.as_str(), "Succeeded" | "Failed")
            });
            running.map(|entry| Arc::clone(&entry.pod)).collect()
        };
        let allowed = &self.shared.config.allowed_unsafe_sysctls;
        let checked = admission::check(pod, &others, node.as_deref(), &allocatable)
            .and_then(|()| host::sysctls(pod, allowed))
            .and_then(|()| host::app_armor(pod, self.shared.machine.has_app_armor))
            .and_then(|()| host::not_implemented(pod));
        checked.err()
    }

    fn forget(&mut self, uid: &str) {
        self.table
            .entries
            .lock()
            .expect("no holder of this lock panics")
            .remove(uid);
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
