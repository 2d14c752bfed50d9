//! Tells users why a pod has no node: the text, the pod's condition.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use styr_base::SharedClock;
use styr_client::{Client, Error};

use crate::cycle::Diagnosis;
use crate::pod::PodInfo;

/// How often a condition is written anew when somebody else writes the pod meanwhile.
const TRIES: usize = 3;

/// Upstream's wording of a diagnosis; `after` is what preemption had to say.
pub(crate) fn text(diagnosis: &Diagnosis, after: &str) -> String {
    let Diagnosis { nodes, reasons, .. } = diagnosis;
    if *nodes == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let mut text = format!("0/{nodes} nodes are available:");
    if let Some(general) = &diagnosis.general {
        // Upstream's preemption finds no state of a pod that was rejected this early, and says so.
        return format!("{text} {general}. not found");
    }
    text.push_str(&histogram(reasons));
    if !after.is_empty() {
        text.push(' ');
        text.push_str(after);
    }
    text
}

/// What preemption says when nobody can be made to go.
pub(crate) fn preemption(diagnosis: &Diagnosis) -> String {
    let helpless = diagnosis.nodes - diagnosis.resolvable.len();
    let reasons = [
        (
            "No preemption victims found for incoming pod".to_owned(),
            diagnosis.resolvable.len(),
        ),
        (
            "Preemption is not helpful for scheduling".to_owned(),
            helpless,
        ),
    ];
    let reasons = reasons.into_iter().filter(|(_, count)| *count > 0);
    let nodes = diagnosis.nodes;
    let reasons = histogram(&reasons.collect());
    format!("preemption: 0/{nodes} nodes are available:{reasons}")
}

fn histogram(reasons: &BTreeMap<String, usize>) -> String {
    let mut texts: Vec<String> = reasons
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    if texts.is_empty() {
        return String::new();
    }
    texts.sort();
    format!(" {}.", texts.join(", "))
}

/// Why a pod is not scheduled, as its condition says it.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    /// `Unschedulable`, `SchedulingGated` or `SchedulerError`.
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    /// Where room is being made for it.
    pub(crate) nominated: Option<String>,
}

fn is_known(pod: &Pod, verdict: &Verdict) -> bool {
    let status = pod.status.as_ref();
    let nominated = status.and_then(|status| status.nominated_node_name.as_ref());
    if verdict.nominated.is_some() && nominated != verdict.nominated.as_ref() {
        return false;
    }
    let mut conditions = status.iter().flat_map(|s| s.conditions.iter().flatten());
    conditions.any(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some(verdict.reason)
            && condition.message.as_deref().unwrap_or_default() == verdict.message
    })
}

/// Writes the condition, unless it stands there already or the pod got a node meanwhile.
pub(crate) async fn write_condition(
    client: &Client,
    clock: &SharedClock,
    info: &PodInfo,
    verdict: &Verdict,
) -> Result<(), Error> {
    let mut pod = (*info.pod).clone();
    for _ in 0..TRIES {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let is_other = pod.metadata.uid.as_deref() != Some(&info.uid);
        if is_known(&pod, verdict) || node.is_some_and(|node| !node.is_empty()) || is_other {
            return Ok(());
        }
        match patch(client, clock, &pod, verdict).await {
            Err(error) if error.is_conflict() => {}
            answer => return Error::unless_not_found(answer).map(drop),
        }
        let (namespace, name) = (&info.key.namespace, &info.key.name);
        match Error::unless_not_found(client.get::<Pod>(namespace, name).await)? {
            Some(current) => pod = current,
            None => return Ok(()),
        }
    }
    Ok(())
}

async fn patch(
    client: &Client,
    clock: &SharedClock,
    pod: &Pod,
    verdict: &Verdict,
) -> Result<Pod, Error> {
    let metadata = &pod.metadata;
    let mut condition = json!({
        "type": "PodScheduled", "status": "False",
        "reason": verdict.reason, "message": verdict.message,
        "observedGeneration": metadata.generation,
    });
    let was_false = pod.status.as_ref().is_some_and(|status| {
        let mut known = status.conditions.iter().flatten();
        known.any(|known| known.type_ == "PodScheduled" && known.status == "False")
    });
    if !was_false {
        condition["lastTransitionTime"] = json!(styr_meta::time::format(clock.now()));
    }
    let mut patch = json!({
        "metadata": { "uid": metadata.uid, "resourceVersion": metadata.resource_version },
        "status": { "conditions": [condition] },
    });
    if let Some(node) = &verdict.nominated {
        patch["status"]["nominatedNodeName"] = json!(node);
    }
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let name = metadata.name.as_deref().unwrap_or_default();
    client
        .strategic_patch_status::<Pod>(namespace, name, &patch)
        .await
}

#[cfg(test)]
mod tests;
