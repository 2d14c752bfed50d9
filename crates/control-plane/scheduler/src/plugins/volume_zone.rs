//! A pod goes where its bound volumes are, as far as their labels tell.

use std::sync::Mutex;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use styr_client::Cache;

use crate::framework::{Concern, Happening, Plugin, Rejection};
use crate::node::NodeInfo;
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

const CONFLICT: &str = "node(s) had no available volume zone";
/// Labels that say where something is; and what each is called today.
const LABELS: &[(&str, &str)] = &[
    (
        "failure-domain.beta.kubernetes.io/zone",
        "topology.kubernetes.io/zone",
    ),
    (
        "failure-domain.beta.kubernetes.io/region",
        "topology.kubernetes.io/region",
    ),
    ("topology.kubernetes.io/zone", "topology.kubernetes.io/zone"),
    (
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/region",
    ),
];
/// Between the zones of a volume that is in several.
const SEPARATOR: &str = "__";

/// Where a volume is: a label, what it is called today, and its values.
type Place = (&'static str, &'static str, Vec<String>);

#[derive(Debug)]
pub(super) struct VolumeZone {
    claims: Cache<PersistentVolumeClaim>,
    volumes: Cache<PersistentVolume>,
    /// Of the cycle that runs.
    places: Mutex<Vec<Place>>,
}

impl VolumeZone {
    pub(super) fn new(
        claims: Cache<PersistentVolumeClaim>,
        volumes: Cache<PersistentVolume>,
    ) -> Self {
        Self {
            claims,
            volumes,
            places: Mutex::default(),
        }
    }

    /// Where the volumes are that a pod's claims have; of the others, VolumeBinding knows more.
    fn places(&self, pod: &PodInfo) -> Vec<Place> {
        let volumes = pod.claims.iter().filter_map(|claim| {
            let claim = self.claims.get(Some(&pod.key.namespace), claim)?;
            let volume = claim.spec.as_ref()?.volume_name.as_deref()?;
            self.volumes.get(None, volume)
        });
        volumes.flat_map(|volume| places(&volume)).collect()
    }
}

fn places(volume: &PersistentVolume) -> Vec<Place> {
    let labels = volume.metadata.labels.as_ref();
    let known = LABELS.iter().filter_map(|(label, today)| {
        let value = labels?.get(*label)?;
        let values = value.split(SEPARATOR).map(str::to_owned);
        Some((*label, *today, values.collect()))
    });
    known.collect()
}

impl Plugin for VolumeZone {
    fn name(&self) -> &'static str {
        "VolumeZone"
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
        let places = self.places(pod);
        let concern = Concern::when(!places.is_empty());
        *self.places.lock().expect("no holder of this lock panics") = places;
        Ok(concern)
    }

    fn filter(&self, _: &PodInfo, node: &NodeInfo, _: &Snapshot) -> Result<(), Rejection> {
        let places = self.places.lock().expect("no holder of this lock panics");
        if is_reachable(&places, node) {
            Ok(())
        } else {
            Err(Rejection::firm(CONFLICT))
        }
    }
}

/// Whether a node is where all of these are. One without such labels is in a cluster of one zone.
fn is_reachable(places: &[Place], node: &NodeInfo) -> bool {
    let labels = node.labels();
    if !LABELS.iter().any(|(label, _)| labels.contains_key(*label)) {
        return true;
    }
    places.iter().all(|(label, today, values)| {
        let value = labels.get(*label).or_else(|| labels.get(*today));
        value.is_some_and(|value| values.contains(value))
    })
}

#[cfg(test)]
mod tests;
