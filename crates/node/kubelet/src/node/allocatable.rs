//! Holds all pods together to what the node offers them, so that the rest of it goes on.
//!
//! See <https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/>.

use std::sync::Arc;
use std::time::Duration;

use styr_client::events::EventType;

use crate::cgroups::ROOT;
use crate::shared::Shared;

/// Pods that use more than the new limit have to be evicted first; upstream tries again after this.
const RETRY: Duration = Duration::from_secs(60);

/// Until the limit is set.
pub(crate) async fn run(shared: Arc<Shared>) {
    let offered = shared.machine.enforced(&shared.config);
    while let Err(error) = shared.cgroups.enforce(offered) {
        let text = format!("Failed to update Node Allocatable Limits [\"{ROOT}\"]: {error}");
        tracing::warn!(%error, "could not hold pods to what the node offers");
        let events = &shared.events;
        events.node(EventType::Warning, "FailedNodeAllocatableEnforcement", text);
        shared.clock.sleep(RETRY).await;
    }
    let text = "Updated Node Allocatable limit across pods";
    let events = &shared.events;
    events.node(EventType::Normal, "NodeAllocatableEnforced", text);
}
