//! Tells kubelets for how long they may trust what they know of Secrets and ConfigMaps.
//!
//! Watches nodes, writes one annotation of theirs; the more nodes there are, the longer the time.
//! Invariant: a few nodes more or fewer at a boundary do not rewrite all of them.

use std::sync::Mutex;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Node;
use serde_json::json;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Error, Scope};

use crate::context::Context;

const ANNOTATION: &str = "node.alpha.kubernetes.io/ttl";

/// For a number of nodes: where the step below ends, where this one does, and its seconds.
/// Upstream's values.
const STEPS: &[(usize, usize, u32)] = &[
    (0, 100, 0),
    (90, 500, 15),
    (450, 1000, 30),
    (900, 2000, 60),
    (1800, usize::MAX, 300),
];

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let reconciler = Ttl {
        context: context.clone(),
        nodes: context.caches.cache(Scope::all()),
        step: Mutex::default(),
    };
    Ok(vec![
        Registration::new("ttl-controller", reconciler)
            .workers(WORKERS)
            .primary::<Node>(),
    ])
}

/// Upstream's number.
const WORKERS: usize = 5;

struct Ttl {
    context: Context,
    nodes: Cache<Node>,
    /// The step of [`STEPS`] that the cluster is on.
    step: Mutex<usize>,
}

#[async_trait]
impl Reconciler for Ttl {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(node) = self.nodes.get_key(key) else {
            return Ok(Next::Wait);
        };
        let seconds = {
            let mut step = self.step.lock().expect("no holder of this lock panics");
            *step = next_step(*step, self.nodes.len());
            STEPS[*step].2.to_string()
        };
        let annotations = node.metadata.annotations.as_ref();
        if annotations.and_then(|known| known.get(ANNOTATION)) == Some(&seconds) {
            return Ok(Next::Wait);
        }
        let patch = json!({ "metadata": {
            "uid": node.metadata.uid, "annotations": { ANNOTATION: seconds },
        } });
        let client = &self.context.client;
        let patched = client.strategic_patch::<Node>("", &key.name, &patch).await;
        if let Some(patched) = Error::unless_not_found(patched)? {
            self.nodes.observe_write(patched);
        }
        Ok(Next::Wait)
    }
}

fn next_step(mut step: usize, nodes: usize) -> usize {
    while nodes > STEPS[step].1 {
        step += 1;
    }
    while nodes < STEPS[step].0 {
        step -= 1;
    }
    step
}

#[cfg(test)]
mod tests;
