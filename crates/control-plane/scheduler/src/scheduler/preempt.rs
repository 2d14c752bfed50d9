//! Makes room for a pod that fits nowhere, and keeps that room for it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use serde_json::json;
use styr_base::SharedClock;
use styr_client::{Client, Error};

use super::Scheduler;
use crate::cycle::Diagnosis;
use crate::pod::PodInfo;
use crate::{preemption, report};

impl Scheduler {
    /// Tells some pods to go, if that helps; answers what there is to say, and the node.
    pub(super) fn preempt(
        &mut self,
        info: &Arc<PodInfo>,
        diagnosis: &Diagnosis,
    ) -> (String, Option<String>) {
        if info.spec().preemption_policy.as_deref() == Some("Never") {
            let text = "preemption: not eligible due to preemptionPolicy=Never.";
            return (text.to_owned(), None);
        }
        if self.awaits_room(info) {
            let text = "preemption: not eligible due to a terminating pod on the nominated node.";
            return (text.to_owned(), None);
        }
        self.nominated.remove(&info.uid);
        let (plugins, snapshot) = (&self.plugins, &mut self.snapshot);
        let Some(candidate) = preemption::choose(plugins, info, snapshot, diagnosis) else {
            return (report::preemption(diagnosis), None);
        };
        let node = candidate.node;
        for victim in candidate.victims {
            self.evict(&victim, info, &node);
        }
        let nomination = (node.clone(), Arc::clone(info));
        self.nominated.insert(info.uid.clone(), nomination);
        (String::new(), Some(node))
    }

    /// Whether pods are leaving already to make room for this one.
    fn awaits_room(&self, info: &PodInfo) -> bool {
        let nomination = self.nominated.get(&info.uid);
        let node = nomination.and_then(|(node, _)| self.snapshot.node(node));
        let mut pods = node.into_iter().flat_map(|node| node.pods.values());
        pods.any(|pod| pod.is_leaving() && pod.priority < info.priority)
    }

    /// The pods for which room is kept that `info` must leave them.
    pub(super) fn kept_for(&self, info: &PodInfo) -> Vec<(String, Arc<PodInfo>)> {
        let others = self.nominated.values().filter(|(_, other)| {
            other.uid != info.uid
                && other.priority >= info.priority
                && !self.snapshot.is_placed(&other.uid)
        });
        others.cloned().collect()
    }

    fn evict(&self, victim: &Arc<PodInfo>, preemptor: &PodInfo, node: &str) {
        let scheduler = preemptor.scheduler().to_owned();
        if let Some(recorder) = self.recorders.get(&scheduler) {
            let text = format!("Preempted by pod {} on node {node}", preemptor.uid);
            recorder.normal(&*victim.pod, "Preempted", text);
        }
        let (client, clock) = (self.client.clone(), Arc::clone(&self.clock));
        let victim = Arc::clone(victim);
        self.tasks.spawn_infallible(async move {
            if let Err(error) = remove(&client, &clock, &victim, &scheduler).await {
                let error = anyhow::Error::from(error);
                let pod = &victim.key;
                tracing::warn!(%pod, error = %format_args!("{error:#}"), "could not preempt");
            }
        });
    }
}

async fn remove(
    client: &Client,
    clock: &SharedClock,
    victim: &PodInfo,
    scheduler: &str,
) -> Result<(), Error> {
    let (namespace, name) = (&victim.key.namespace, &victim.key.name);
    let condition = json!({
        "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
        "message": format!("{scheduler}: preempting to accommodate a higher priority pod"),
        "lastTransitionTime": styr_meta::time::format(clock.now()),
        "observedGeneration": victim.pod.metadata.generation,
    });
    let patch = json!({
        "metadata": { "uid": victim.uid },
        "status": { "conditions": [condition] },
    });
    let patched = client.strategic_patch_status::<Pod>(namespace, name, &patch);
    if Error::unless_not_found(patched.await)?.is_none() {
        return Ok(());
    }
    let options = DeleteOptions {
        preconditions: Some(Preconditions {
            uid: Some(victim.uid.clone()),
            resource_version: None,
        }),
        ..DeleteOptions::default()
    };
    let deleted = client.delete::<Pod>(namespace, name, &options).await;
    Error::unless_not_found(deleted).map(drop)
}
