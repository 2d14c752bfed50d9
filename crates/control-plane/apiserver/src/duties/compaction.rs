//! Lets the store forget old revisions: five minutes after they were written, as upstream does.
//!
//! Nothing happens while nothing is written.

use std::sync::Arc;

use crate::server::State;

pub(super) async fn run(state: &Arc<State>) {
    let interval = state.config.etcd_compaction_interval;
    if interval.is_zero() {
        return;
    }
    let mut compacted = 0;
    loop {
        let progress = state.resources.progress();
        tokio::select! {
            () = progress.moved_beyond(compacted) => {}
            () = state.shutdown.requested() => return,
        }
        let old = progress.applied();
        // The one timer: revisions must live long enough for those who are about to read them.
        tokio::select! {
            () = state.clock.sleep(interval) => {}
            () = state.shutdown.requested() => return,
        }
        if let Err(error) = state.resources.store().compact(old).await {
            tracing::warn!(%error, revision = old, "could not compact the store");
        }
        progress.forget_before(old);
        compacted = old;
    }
}
