//! Removes what its owners have left behind, and lets owners wait for what they own.
//!
//! Watches the metadata of everything that can be deleted. Deletes objects all of whose owners are
//! gone; for a foreground deletion first the blocking dependents, then the owner; for an orphaning
//! one takes the owner off its dependents. Invariant: an owner counts as gone only if the server
//! says that no object with its uid exists.
//! <https://kubernetes.io/docs/concepts/architecture/garbage-collection/>

mod collect;
mod graph;
mod monitor;
mod monitors;
mod write;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use styr_client::controller::{Key, Next, Reconciler, Registration};

use crate::context::Context;
use graph::Graph;
use monitors::{Kinds, Monitors};

/// Registers the controller. Its names are uids.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let graph: Arc<Mutex<Graph>> = Arc::default();
    let kinds: Arc<Mutex<Kinds>> = Arc::default();
    let monitors = Monitors::new(context, &graph, &kinds);
    let collector = Collector {
        context: context.clone(),
        graph,
        kinds,
        monitors: monitors.clone(),
    };
    let registration = Registration::new("garbage-collector-controller", collector)
        .workers(context.config.concurrency.garbage)
        .source(move |_, queue| Box::pin(async move { monitors.run(queue).await }));
    Ok(vec![registration])
}

pub(crate) struct Collector {
    context: Context,
    graph: Arc<Mutex<Graph>>,
    kinds: Arc<Mutex<Kinds>>,
    monitors: Arc<Monitors>,
}

#[async_trait]
impl Reconciler for Collector {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        // Before all kinds are known, every owner would look absent.
        self.monitors.synced().await;
        self.collect(&key.name).await?;
        Ok(Next::Wait)
    }
}
