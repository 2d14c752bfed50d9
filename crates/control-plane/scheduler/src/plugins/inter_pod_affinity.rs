//! Required affinity and anti-affinity between pods is not known yet: such pods are rejected, and
//! told so. Preferred ones are left to [`super::topology_spread`].

use crate::framework::{Plugin, Rejection};
use crate::pod::PodInfo;
use crate::snapshot::Snapshot;

#[derive(Debug)]
pub(super) struct InterPodAffinity;

impl Plugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn pre_filter(&self, pod: &PodInfo, _: &Snapshot) -> Result<(), Rejection> {
        let Some(affinity) = &pod.spec().affinity else {
            return Ok(());
        };
        let near = affinity.pod_affinity.as_ref();
        let near = near.and_then(|a| {
            a.required_during_scheduling_ignored_during_execution
                .as_ref()
        });
        let far = affinity.pod_anti_affinity.as_ref();
        let far = far.and_then(|a| {
            a.required_during_scheduling_ignored_during_execution
                .as_ref()
        });
        if near.into_iter().chain(far).any(|terms| !terms.is_empty()) {
            let reason = "required pod affinity and anti-affinity are not implemented";
            return Err(Rejection::firm(reason));
        }
        Ok(())
    }
}
