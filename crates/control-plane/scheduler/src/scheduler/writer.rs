//! Writes pods' conditions beside the scheduling, several at a time.

use std::sync::Arc;

use futures::StreamExt as _;
use styr_base::{SharedClock, Tasks};
use styr_client::Client;
use tokio::sync::mpsc;

use crate::pod::PodInfo;
use crate::report::{self, Verdict};

/// Conditions that wait to be written. What is beyond is written when the pod is tried again.
const WAITING_MAX: usize = 1000;
const AT_ONCE: usize = 16;

#[derive(Debug, Clone)]
pub(super) struct Writer {
    sender: mpsc::Sender<(Arc<PodInfo>, Verdict)>,
}

impl Writer {
    pub(super) fn start(client: Client, clock: SharedClock, tasks: &Tasks) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let waiting = futures::stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|next| (next, receiver))
        });
        tasks.spawn_infallible(async move {
            let write = |next: (Arc<PodInfo>, Verdict)| {
                let (client, clock) = (&client, &clock);
                async move {
                    let (info, verdict) = next;
                    let written = report::write_condition(client, clock, &info, &verdict).await;
                    if let Err(error) = written {
                        let error = anyhow::Error::from(error);
                        tracing::warn!(error = %format_args!("{error:#}"), "could not tell why a pod waits");
                    }
                }
            };
            waiting.for_each_concurrent(AT_ONCE, write).await;
        });
        Self { sender }
    }

    pub(super) fn write(&self, info: Arc<PodInfo>, verdict: Verdict) {
        if self.sender.try_send((info, verdict)).is_err() {
            tracing::debug!("a condition was not written: too many wait");
        }
    }
}
