//! What follows a choice: makes the node ready for the pod, and tells the server.

use std::sync::Arc;

use styr_client::Client;
use tokio::sync::{Semaphore, mpsc};

use crate::framework::Plugin;
use crate::pod::PodInfo;

/// Requests on their way at a time; each has a connection of its own.
const REQUESTS_MAX: usize = 32;

/// How a binding ended.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) info: Arc<PodInfo>,
    pub(crate) node: String,
    pub(crate) outcome: anyhow::Result<()>,
}

/// Binds pods beside the scheduling of others.
#[derive(Debug, Clone)]
pub(crate) struct Binder {
    client: Client,
    plugins: Arc<[Box<dyn Plugin>]>,
    requests: Arc<Semaphore>,
    bound: mpsc::Sender<Bound>,
}

impl Binder {
    pub(crate) fn new(
        client: Client,
        plugins: Arc<[Box<dyn Plugin>]>,
        bound: mpsc::Sender<Bound>,
    ) -> Self {
        let requests = Arc::new(Semaphore::new(REQUESTS_MAX));
        Self {
            client,
            plugins,
            requests,
            bound,
        }
    }

    pub(crate) async fn run(self, info: Arc<PodInfo>, node: String) {
        let outcome = self.bind(&info, &node).await;
        let bound = Bound {
            info,
            node,
            outcome,
        };
        // Nobody listens any more only at the end.
        let _ = self.bound.send(bound).await;
    }

    async fn bind(&self, info: &PodInfo, node: &str) -> anyhow::Result<()> {
        for plugin in self.plugins.iter() {
            plugin.pre_bind(info, node).await?;
        }
        let _permit = self.requests.acquire().await?;
        let (namespace, name) = (&info.key.namespace, &info.key.name);
        self.client.bind(namespace, name, &info.uid, node).await?;
        Ok(())
    }
}
