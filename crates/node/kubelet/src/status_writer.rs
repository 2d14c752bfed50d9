//! Writes the status of one pod to the API server: only what changed, never an older one.
//!
//! When the pod has ended and is to be deleted, it takes it out of the API as well, after its last
//! status is written. For a static pod it writes to the mirror pod.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use serde_json::json;
use styr_base::{Backoff, Outage};
use tokio::sync::{Notify, watch};

use crate::pod;
use crate::shared::{Server, Shared};

mod difference;
#[cfg(test)]
mod tests;
mod urgency;

/// How long news that nobody waits for may wait for more: on its way to running a pod gets its
/// address, and soon after it runs. One write of both spares the server and all who watch.
const GATHER: Duration = Duration::from_millis(200);

/// What is to be written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    pub(crate) status: Option<PodStatus>,
    /// All that the pod had is gone: it may leave the API.
    pub(crate) delete: bool,
}

/// The last status that was written.
struct Written {
    /// Of the object; a mirror pod may be another one by now.
    uid: String,
    ordered: PodStatus,
    /// What the API made of it.
    kept: PodStatus,
}

impl Written {
    /// Whether something else is to be said, or somebody else has overwritten it: the controller of
    /// nodes says of pods on a silent node that they are not ready, and leaves it to the kubelet to
    /// say when they are.
    fn is_outdated(&self, uid: &str, ordered: &PodStatus, api: &PodStatus) -> bool {
        self.uid != uid || self.ordered != *ordered || difference::patch(api, &self.kept).is_some()
    }
}

pub(crate) struct StatusWriter {
    shared: Arc<Shared>,
    pod: Arc<Pod>,
    orders: watch::Receiver<Order>,
    api_changed: Arc<Notify>,
}

impl StatusWriter {
    pub(crate) fn new(
        shared: Arc<Shared>,
        pod: Arc<Pod>,
        orders: watch::Receiver<Order>,
        api_changed: Arc<Notify>,
    ) -> Self {
        Self {
            shared,
            pod,
            orders,
            api_changed,
        }
    }

    /// Goes on until dropped.
    pub(crate) async fn run(mut self) {
        let Some(server) = self.shared.server.clone() else {
            return std::future::pending().await;
        };
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        let mut outage = Outage::default();
        let attempt = format!(
            "could not write the status of pod {}",
            pod::described(&self.pod)
        );
        let mut written: Option<Written> = None;
        loop {
            if let Some(written) = &written
                && !self.gather(&written.ordered).await
            {
                return;
            }
            let order = self.orders.borrow_and_update().clone();
            match self.write(&server, &order, &mut written).await {
                Ok(()) => {
                    backoff.reset();
                    outage.ended();
                }
                Err(error) => {
                    let now = self.shared.clock.monotonic();
                    outage.failed(now, &attempt, &crate::objects::said(&error));
                    // A newer order is tried at once; nothing is lost by waiting for the old one.
                    tokio::select! {
                        () = self.shared.clock.sleep(backoff.next_wait()) => continue,
                        changed = self.orders.changed() => if changed.is_err() { return },
                    }
                    continue;
                }
            }
            tokio::select! {
                changed = self.orders.changed() => if changed.is_err() { return },
                () = self.api_changed.notified() => {}
            }
        }
    }

    /// Waits a moment while there is nothing but news that can wait. `false` if nobody orders any
    /// more.
    async fn gather(&mut self, written: &PodStatus) -> bool {
        let clock = self.shared.clock.clone();
        let enough = clock.sleep(GATHER);
        tokio::pin!(enough);
        loop {
            if !urgency::can_wait(written, &self.orders.borrow_and_update()) {
                return true;
            }
            tokio::select! {
                () = &mut enough => return true,
                changed = self.orders.changed() => if changed.is_err() { return false },
            }
        }
    }

    async fn write(
        &self,
        server: &Server,
        order: &Order,
        written: &mut Option<Written>,
    ) -> Result<(), styr_client::Error> {
        let Some(api) = self.shared.api_pod(&self.pod) else {
            return Ok(());
        };
        let uid = pod::uid(&api).to_owned();
        let (namespace, name) = (pod::namespace(&api), pod::name(&api));
        let empty = PodStatus::default();
        let before = api.status.as_ref().unwrap_or(&empty);
        if let Some(status) = &order.status
            && written
                .as_ref()
                .is_none_or(|written| written.is_outdated(&uid, status, before))
        {
            let mut kept = before.clone();
            if let Some(patch) = difference::patch(before, status) {
                let patch = json!({ "metadata": { "uid": uid }, "status": patch });
                let answer = server
                    .client
                    .strategic_patch_status::<Pod>(namespace, name, &patch);
                match answer.await {
                    Ok(pod) => {
                        kept = pod.status.clone().unwrap_or_default();
                        server.pods.observe_write(pod);
                    }
                    // Gone, or another pod of the name: nobody wants to know.
                    Err(error) if error.is_not_found() || error.is_conflict() => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
            *written = Some(Written {
                uid: uid.clone(),
                ordered: status.clone(),
                kept,
            });
        }
        if order.delete && pod::is_deleted(&api) && !pod::is_static(&self.pod) {
            let options = DeleteOptions {
                grace_period_seconds: Some(0),
                preconditions: Some(Preconditions {
                    uid: Some(uid),
                    ..Preconditions::default()
                }),
                ..DeleteOptions::default()
            };
            match server.client.delete::<Pod>(namespace, name, &options).await {
                Err(error) if !error.is_not_found() && !error.is_conflict() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
