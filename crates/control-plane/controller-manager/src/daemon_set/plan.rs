//! Which pods to create on which nodes, which to remove, and what to report.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetStatus};
use k8s_openapi::api::core::v1::{Node, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::template::{self, GENERATION_LABEL};
use crate::shared::revisions::HASH_LABEL;
use crate::shared::{nodes, pods};

mod update;

/// Upstream's `BurstReplicas` of this controller.
const BURST_MAX: usize = 250;

/// What the cluster looks like, as far as this controller cares.
pub(super) struct Observed {
    pub(super) daemon_set: Arc<DaemonSet>,
    pub(super) may_act: bool,
    pub(super) hash: String,
    pub(super) nodes: Vec<Arc<Node>>,
    pub(super) pods: Vec<Arc<Pod>>,
}

#[derive(Debug)]
pub(super) struct Removal {
    pub(super) pod: Arc<Pod>,
    /// The node, if the pod goes because it has failed there.
    pub(super) failed_on: Option<String>,
}

#[derive(Debug)]
pub(super) struct Plan {
    /// Nodes that need a pod.
    pub(super) create: Vec<String>,
    pub(super) remove: Vec<Removal>,
    pub(super) status: DaemonSetStatus,
    /// When the next pod becomes available only because time passes.
    pub(super) then: Option<Duration>,
}

/// What a node is to a DaemonSet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Run,
    /// A new pod would not be allowed, but one that is there may stay.
    Stay,
    Leave,
}

fn fit(spec: &PodSpec, node: &Node) -> Fit {
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let fixed = spec.node_name.as_deref().filter(|fixed| !fixed.is_empty());
    if fixed.is_some_and(|fixed| fixed != name) || !nodes::is_wanted(spec, node) {
        return Fit::Leave;
    }
    let tolerations = spec.tolerations.as_deref().unwrap_or_default();
    let taints = nodes::taints(node);
    if nodes::untolerated(taints, tolerations, &["NoExecute"]).is_some() {
        Fit::Leave
    } else if nodes::untolerated(taints, tolerations, &["NoSchedule"]).is_some() {
        Fit::Stay
    } else {
        Fit::Run
    }
}

/// A pass over all nodes.
struct Pass<'a> {
    observed: &'a Observed,
    now: Timestamp,
    min_ready: Duration,
    fits: Vec<(&'a str, Fit)>,
    on_node: BTreeMap<&'a str, Vec<Arc<Pod>>>,
}

/// Decides; touches nothing.
pub(super) fn plan(observed: &Observed, now: Timestamp) -> Plan {
    let daemon_set = &observed.daemon_set;
    let spec = template::spec(daemon_set);
    let names = observed.nodes.iter();
    let fits = names.map(|node| {
        (
            node.metadata.name.as_deref().unwrap_or_default(),
            fit(&spec, node),
        )
    });
    let mut on_node: BTreeMap<&str, Vec<Arc<Pod>>> = BTreeMap::new();
    for pod in &observed.pods {
        if let Some(node) = template::node_of(pod) {
            on_node.entry(node).or_default().push(Arc::clone(pod));
        }
    }
    for pods in on_node.values_mut() {
        pods.sort_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
    }
    let seconds = daemon_set.spec.min_ready_seconds.unwrap_or(0);
    let pass = Pass {
        observed,
        now,
        min_ready: Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
        fits: fits.collect(),
        on_node,
    };
    let is_leaving = daemon_set.metadata.deletion_timestamp.is_some();
    let (mut create, mut remove) = (Vec::new(), Vec::new());
    if observed.may_act && !is_leaving {
        pass.place(&mut create, &mut remove);
        if create.is_empty() && remove.is_empty() {
            update::roll(&pass, &mut create, &mut remove);
        }
    }
    create.truncate(BURST_MAX);
    remove.truncate(BURST_MAX);
    let waits = observed
        .pods
        .iter()
        .filter_map(|pod| pods::until_available(pod, pass.min_ready, now));
    Plan {
        create,
        remove,
        status: pass.status(!is_leaving),
        then: waits.filter(|wait| !wait.is_zero()).min(),
    }
}

impl Pass<'_> {
    fn pods(&self, node: &str) -> &[Arc<Pod>] {
        self.on_node
            .get(node)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    fn is_current(&self, pod: &Pod) -> bool {
        let label = |key: &str| pod.metadata.labels.as_ref()?.get(key).map(String::as_str);
        let generation = template::generation(&self.observed.daemon_set);
        let same_generation = generation.is_some() && label(GENERATION_LABEL) == generation;
        same_generation || label(HASH_LABEL) == Some(self.observed.hash.as_str())
    }

    fn is_available(&self, pod: &Pod) -> bool {
        pods::is_available(pod, self.min_ready, self.now)
    }

    /// One pod where it belongs, none where it does not.
    fn place(&self, create: &mut Vec<String>, remove: &mut Vec<Removal>) {
        for &(node, fit) in &self.fits {
            let pods = self.pods(node);
            match fit {
                Fit::Run if pods.is_empty() => create.push(node.to_owned()),
                Fit::Run | Fit::Stay => self.tidy(node, pods, remove),
                Fit::Leave => remove.extend(pods.iter().filter_map(removal)),
            }
        }
        // Pods that were never bound, meant for nodes that are gone; those that were bound are the
        // pod garbage collector's.
        let known = |node: &str| self.fits.iter().any(|(known, _)| *known == node);
        let lost = self
            .on_node
            .iter()
            .filter(|(node, _)| !known(node))
            .flat_map(|(_, pods)| pods);
        remove.extend(
            lost.filter(|pod| pods::node(pod).is_empty())
                .filter_map(removal),
        );
    }

    fn tidy(&self, node: &str, pods: &[Arc<Pod>], remove: &mut Vec<Removal>) {
        let mut running = Vec::new();
        for pod in pods
            .iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        {
            if pods::is_finished(pod) {
                remove.push(Removal {
                    pod: Arc::clone(pod),
                    failed_on: Some(node.to_owned()),
                });
            } else {
                running.push(pod);
            }
        }
        let (surge, _) = update::limits(&self.observed.daemon_set, self.desired());
        if running.len() <= 1 {
            return;
        }
        if surge == 0 {
            remove.extend(running.into_iter().skip(1).filter_map(removal));
            return;
        }
        let (new, old): (Vec<_>, Vec<_>) =
            running.into_iter().partition(|pod| self.is_current(pod));
        let keep_old = match (new.first(), old.first()) {
            (Some(new), Some(old)) => pods::is_ready(old) && !self.is_available(new),
            _ => true,
        };
        remove.extend(new.into_iter().skip(1).filter_map(removal));
        remove.extend(
            old.into_iter()
                .skip(usize::from(keep_old))
                .filter_map(removal),
        );
    }

    fn desired(&self) -> usize {
        self.fits.iter().filter(|(_, fit)| *fit == Fit::Run).count()
    }

    fn status(&self, is_observed: bool) -> DaemonSetStatus {
        let daemon_set = &self.observed.daemon_set;
        let before = daemon_set.status.clone().unwrap_or_default();
        let mut status = DaemonSetStatus {
            observed_generation: before.observed_generation,
            collision_count: before.collision_count,
            conditions: before.conditions,
            ..DaemonSetStatus::default()
        };
        if is_observed {
            status.observed_generation = daemon_set.metadata.generation;
        }
        let (mut available, mut updated) = (0, 0);
        for &(node, fit) in &self.fits {
            let first = self.pods(node).first();
            match (fit == Fit::Run, first) {
                (true, first) => {
                    status.desired_number_scheduled += 1;
                    let Some(pod) = first else { continue };
                    status.current_number_scheduled += 1;
                    status.number_ready += i32::from(pods::is_ready(pod));
                    available += i32::from(self.is_available(pod));
                    updated += i32::from(self.is_current(pod));
                }
                (false, Some(_)) => status.number_misscheduled += 1,
                (false, None) => {}
            }
        }
        // Go leaves out zeros.
        let count = |count: i32| Some(count).filter(|count| *count > 0);
        status.number_available = count(available);
        status.updated_number_scheduled = count(updated);
        status.number_unavailable = count(status.desired_number_scheduled - available);
        status
    }
}

fn removal(pod: impl std::borrow::Borrow<Arc<Pod>>) -> Option<Removal> {
    let pod = pod.borrow();
    pod.metadata.deletion_timestamp.is_none().then(|| Removal {
        pod: Arc::clone(pod),
        failed_on: None,
    })
}

/// A number, or a percentage rounded up.
fn scaled(value: &IntOrString, of: usize) -> usize {
    match value {
        IntOrString::Int(number) => usize::try_from(*number).unwrap_or(0),
        IntOrString::String(text) => {
            let percent: usize = text.trim_end_matches('%').parse().unwrap_or(0);
            (of * percent).div_ceil(100)
        }
    }
}

#[cfg(test)]
mod tests;
