//! Prefers nodes that have the pod's images already.
//!
//! An image counts for more the more nodes have it, so that the first node to have one does not get
//! all pods.

use std::sync::Mutex;

use crate::framework::{Concern, Plugin, Rejection, SCORE_MAX};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

const MIB: i64 = 1 << 20;
/// Images of this size in all are not worth a thought, those of this size each worth most;
/// upstream's values.
const SIZE_MIN: i64 = 23 * MIB;
const SIZE_MAX: i64 = 1000 * MIB;

/// An image of the pod that some nodes have.
#[derive(Debug)]
struct Image {
    name: String,
    /// How many nodes have it, and how many there are.
    nodes: (i64, i64),
}

#[derive(Debug, Default)]
struct State {
    images: Vec<Image>,
    /// How many the pod needs, known or not.
    count: i64,
}

#[derive(Debug, Default)]
pub(super) struct ImageLocality {
    /// Of the cycle that runs.
    state: Mutex<State>,
}

impl Plugin for ImageLocality {
    fn name(&self) -> &'static str {
        "ImageLocality"
    }

    fn pre_filter(&self, pod: &PodInfo, snapshot: &Snapshot) -> Result<Concern, Rejection> {
        let names = names(pod);
        let all = i64::try_from(snapshot.nodes().len()).unwrap_or(i64::MAX);
        let count = i64::try_from(names.len()).unwrap_or(i64::MAX);
        let known = names.into_iter().filter_map(|name| {
            let having = i64::try_from(snapshot.nodes_with_image(&name)).unwrap_or(i64::MAX);
            let nodes = (having, all);
            (having > 0).then_some(Image { name, nodes })
        });
        let images = known.collect();
        *self.state.lock().expect("no holder of this lock panics") = State { images, count };
        Ok(Concern::None)
    }

    fn weight(&self) -> i64 {
        1
    }

    fn pre_score(&self, _: &PodInfo) -> Concern {
        let state = self.state.lock().expect("no holder of this lock panics");
        Concern::when(!state.images.is_empty())
    }

    fn score(&self, _: &PodInfo, node: &NodeInfo, _: &Snapshot) -> i64 {
        let state = self.state.lock().expect("no holder of this lock panics");
        let sizes = state.images.iter().map(|image| {
            let size = node.images.get(&image.name).copied().unwrap_or(0);
            let (having, all) = image.nodes;
            size.saturating_mul(having) / all.max(1)
        });
        let most = SIZE_MAX * state.count;
        let total = sizes.fold(0, i64::saturating_add).clamp(SIZE_MIN, most);
        SCORE_MAX * (total - SIZE_MIN) / (most - SIZE_MIN)
    }
}

/// The pod's images, as nodes name theirs.
fn names(pod: &PodInfo) -> Vec<String> {
    let spec = pod.spec();
    let containers = spec.init_containers.iter().flatten();
    let containers = containers.chain(&spec.containers);
    let images = containers.filter_map(|container| container.image.as_deref());
    let volumes = spec.volumes.iter().flatten();
    let mounted = volumes.filter_map(|volume| volume.image.as_ref()?.reference.as_deref());
    images.chain(mounted).map(with_tag).collect()
}

fn with_tag(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains(':') {
        name.to_owned()
    } else {
        format!("{name}:latest")
    }
}

#[cfg(test)]
mod tests;
