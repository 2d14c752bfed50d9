//! Volumes and nodes must suit each other: heeds where bound volumes can be reached, and chooses a
//! volume, or asks for one to be made, for claims that wait for their first pod.
//!
//! Writes a volume's claim and a claim's chosen node, then waits until the claims are bound.

mod bind;
pub(super) mod claims;
mod matching;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::{CSINode, StorageClass, VolumeAttachment};
use styr_base::SharedClock;
use styr_client::{Cache, Client, Index, Key};

use crate::framework::{Concern, Happening, Plugin, Rejection};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::selection;
use crate::snapshot::Snapshot;
use claims::Claims;

const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

const NODE_CONFLICT: &str = "node(s) didn't match PersistentVolume's node affinity";
const BIND_CONFLICT: &str = "node(s) didn't find available persistent volumes to bind";
const VOLUME_MISSING: &str =
    "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";

type Claim = Arc<PersistentVolumeClaim>;
type Volume = Arc<PersistentVolume>;

/// What is read and written.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    pub(crate) claims: Cache<PersistentVolumeClaim>,
    pub(crate) volumes: Cache<PersistentVolume>,
    pub(crate) classes: Cache<StorageClass>,
    /// What drivers can attach where.
    pub(crate) csi_nodes: Cache<CSINode>,
    /// By node.
    pub(crate) attachments: Index<VolumeAttachment>,
    /// For affinity between pods of several namespaces.
    pub(crate) namespaces: Cache<Namespace>,
    pub(crate) client: Client,
    pub(crate) clock: SharedClock,
}

/// What a pod's claims get on its node.
#[derive(Debug, Clone, Default)]
struct Plan {
    node: String,
    bind: Vec<(Claim, Volume)>,
    provision: Vec<Claim>,
}

#[derive(Debug)]
pub(super) struct VolumeBinding {
    storage: Storage,
    /// By the pod's uid, until its binding has ended.
    plans: Mutex<HashMap<String, Plan>>,
}

impl VolumeBinding {
    pub(super) fn new(storage: Storage) -> Self {
        Self {
            storage,
            plans: Mutex::default(),
        }
    }

    fn plan(&self, pod: &PodInfo, node: &NodeInfo) -> Result<Plan, Rejection> {
        let claims = claims::of(&self.storage, pod).map_err(Rejection::firm)?;
        self.reach(&claims, node)?;
        let mut plan = Plan {
            node: node.name.clone(),
            ..Plan::default()
        };
        if claims.delayed.is_empty() {
            return Ok(plan);
        }
        let volumes = self.storage.volumes.list();
        for claim in claims.delayed {
            if let Some(selected) = claims::annotation(&claim.metadata, SELECTED_NODE) {
                if selected != node.name {
                    return Err(Rejection::firm(BIND_CONFLICT));
                }
                plan.provision.push(claim);
                continue;
            }
            let planned = self.planned(&claim, &plan, &pod.uid);
            if planned.elsewhere(&node.name) {
                return Err(Rejection::firm(BIND_CONFLICT));
            }
            let is_free =
                |volume: &PersistentVolume| !planned.taken.contains(&volume.metadata.name);
            match matching::best(&claim, &volumes, node, is_free) {
                Some(volume) => plan.bind.push((claim, volume)),
                None if self.can_provision(&claim, node) => plan.provision.push(claim),
                None => return Err(Rejection::firm(BIND_CONFLICT)),
            }
        }
        Ok(plan)
    }

    /// Whether the volumes that claims have already can be reached from a node.
    fn reach(&self, claims: &Claims, node: &NodeInfo) -> Result<(), Rejection> {
        for claim in &claims.bound {
            let name = claims::volume(claim);
            let Some(volume) = self.storage.volumes.get(None, name) else {
                return Err(Rejection::firm(VOLUME_MISSING));
            };
            if !matching::is_reachable(&volume, node) {
                return Err(Rejection::firm(NODE_CONFLICT));
            }
        }
        Ok(())
    }

    fn planned(&self, claim: &Claim, own: &Plan, uid: &str) -> Planned {
        let mut planned = Planned::default();
        let plans = self.plans.lock().expect("no holder of this lock panics");
        let others = plans.iter().filter(|(other, _)| *other != uid);
        let key = Key::of(&**claim);
        for plan in others.map(|(_, plan)| plan).chain([own]) {
            for (other, volume) in &plan.bind {
                if Key::of(&**other) == key {
                    planned.node = Some(plan.node.clone());
                } else {
                    planned.taken.push(volume.metadata.name.clone());
                }
            }
            if plan.provision.iter().any(|other| Key::of(&**other) == key) {
                planned.node = Some(plan.node.clone());
            }
        }
        planned
    }

    fn can_provision(&self, claim: &Claim, node: &NodeInfo) -> bool {
        let class = claims::class(claim).and_then(|name| self.storage.classes.get(None, name));
        let Some(class) = class.filter(|class| class.provisioner != NO_PROVISIONER) else {
            return false;
        };
        let Some(topologies) = class.allowed_topologies.as_ref().filter(|t| !t.is_empty()) else {
            return true;
        };
        let labels = node.labels();
        topologies.iter().any(|topology| {
            let mut wanted = topology.match_label_expressions.iter().flatten();
            wanted.all(|wanted| {
                let value = labels.get(&wanted.key);
                value.is_some_and(|value| wanted.values.contains(value))
            })
        })
    }
}

/// What pods that are being bound have planned.
#[derive(Debug, Default)]
struct Planned {
    /// Volumes that are for other claims.
    taken: Vec<Option<String>>,
    /// Where the claim's volume will be.
    node: Option<String>,
}

impl Planned {
    fn elsewhere(&self, node: &str) -> bool {
        self.node.as_deref().is_some_and(|planned| planned != node)
    }
}

impl Plugin for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn hints(&self) -> &'static [Happening] {
        &[
            Happening::NodeAdded,
            Happening::NodeLabels,
            Happening::Claim,
            Happening::Volume,
            Happening::Class,
        ]
    }

    fn pre_filter(&self, pod: &PodInfo, _: &Snapshot) -> Result<Concern, Rejection> {
        if !claims::has_some(pod) {
            return Ok(Concern::None);
        }
        let claims = claims::of(&self.storage, pod).map_err(Rejection::firm)?;
        if claims.has_immediate {
            let reason = "pod has unbound immediate PersistentVolumeClaims";
            return Err(Rejection::firm(reason));
        }
        Ok(Concern::Each)
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        self.plan(pod, node).map(drop)
    }

    fn reserve(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        if !claims::has_some(pod) {
            return Ok(());
        }
        let plan = self.plan(pod, node)?;
        let mut plans = self.plans.lock().expect("no holder of this lock panics");
        plans.insert(pod.uid.clone(), plan);
        Ok(())
    }

    fn unreserve(&self, pod: &PodInfo) {
        let mut plans = self.plans.lock().expect("no holder of this lock panics");
        plans.remove(&pod.uid);
    }

    fn pre_bind<'a>(
        &'a self,
        pod: &'a PodInfo,
        _node: &'a str,
    ) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            let plan = {
                let plans = self.plans.lock().expect("no holder of this lock panics");
                plans.get(&pod.uid).cloned()
            };
            match plan {
                Some(plan) => bind::carry_out(&self.storage, &plan).await,
                None => Ok(()),
            }
        })
    }
}

/// Whether a volume's node affinity allows a node with this name and these labels.
fn allows(volume: &PersistentVolume, name: &str, labels: &selection::Labels) -> bool {
    let spec = volume.spec.as_ref();
    let affinity = spec.and_then(|spec| spec.node_affinity.as_ref());
    let required = affinity.and_then(|affinity| affinity.required.as_ref());
    required.is_none_or(|required| selection::selects(required, (name, labels)))
}
