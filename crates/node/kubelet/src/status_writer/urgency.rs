//! Which news may wait a moment for more. Nothing that a pod's readers act on does.

use k8s_openapi::api::core::v1::PodStatus;

use super::{Order, difference};

/// They come one by one while a pod starts or ends, and others follow at once.
const PATIENT_CONDITIONS: [&str; 2] = ["PodReadyToStartContainers", "Initialized"];

/// Whether an order says something new, and nothing that somebody waits for.
pub(super) fn can_wait(written: &PodStatus, order: &Order) -> bool {
    let Some(status) = &order.status else {
        return false;
    };
    let is_new = written != status;
    is_new && !order.delete && difference::patch(&urgent(written), &urgent(status)).is_none()
}

/// A status without what may wait.
fn urgent(status: &PodStatus) -> PodStatus {
    let mut status = status.clone();
    (status.pod_ip, status.pod_ips) = (None, None);
    status.observed_generation = None;
    let conditions = status.conditions.iter_mut().flatten();
    for condition in conditions {
        condition.observed_generation = None;
    }
    if let Some(conditions) = &mut status.conditions {
        conditions.retain(|it| !PATIENT_CONDITIONS.contains(&it.type_.as_str()));
    }
    status
}

#[cfg(test)]
mod tests;
