//! Turns the runtime's events into wake-ups of workers.
//!
//! A runtime without events is listed once a second, as upstream does: nothing else can tell.
//! When a stream of events was lost, every worker looks for itself.

use std::collections::HashMap;
use std::time::Duration;

use styr_base::{Backoff, SharedClock};
use tonic::Code;

use crate::identity::POD_UID;
use crate::pods::Table;
use crate::runtime::Runtime;

/// Upstream's period of listing.
const RELIST: Duration = Duration::from_secs(1);
const RECONNECT: Duration = Duration::from_millis(100);
const RECONNECT_MAX: Duration = Duration::from_secs(5);

/// Until dropped.
pub(crate) async fn run(runtime: Runtime, table: Table, clock: SharedClock) {
    let mut backoff = Backoff::new(RECONNECT, RECONNECT_MAX);
    loop {
        match runtime.events().await {
            Ok(mut events) => {
                backoff.reset();
                table.wake_all();
                loop {
                    match events.message().await {
                        Ok(Some(event)) => {
                            let sandbox = event.pod_sandbox_status.as_ref();
                            match sandbox.and_then(|sandbox| sandbox.labels.get(POD_UID)) {
                                Some(uid) => table.wake(uid),
                                None => table.wake_all(),
                            }
                        }
                        Ok(None) => break,
                        Err(status) => {
                            tracing::info!(%status, "the runtime's events ended");
                            break;
                        }
                    }
                }
            }
            Err(status) if status.code() == Code::Unimplemented => {
                tracing::info!("the runtime has no events: it is listed once a second");
                return relist(runtime, table, clock).await;
            }
            Err(status) => tracing::debug!(%status, "could not ask for the runtime's events"),
        }
        clock.sleep(backoff.next_wait()).await;
    }
}

async fn relist(runtime: Runtime, table: Table, clock: SharedClock) {
    let mut known: HashMap<String, (String, i32)> = HashMap::new();
    loop {
        let listed = futures::future::join(runtime.all_sandboxes(), runtime.all_containers()).await;
        if let (Ok(sandboxes), Ok(containers)) = listed {
            let uid =
                |labels: &HashMap<String, String>| labels.get(POD_UID).cloned().unwrap_or_default();
            let mut now = HashMap::new();
            for sandbox in &sandboxes {
                now.insert(sandbox.id.clone(), (uid(&sandbox.labels), sandbox.state));
            }
            for container in &containers {
                now.insert(
                    container.id.clone(),
                    (uid(&container.labels), container.state),
                );
            }
            for (id, (uid, state)) in &now {
                if known.get(id).is_none_or(|(_, old)| old != state) {
                    table.wake(uid);
                }
            }
            for (id, (uid, _)) in &known {
                if !now.contains_key(id) {
                    table.wake(uid);
                }
            }
            known = now;
        }
        clock.sleep(RELIST).await;
    }
}
