//! Lists where a Service's pods are, in the Endpoints object of its name.
//!
//! Watches Services and pods. Writes Endpoints, for Services with a selector, and removes them
//! when the Service is gone. What proxies read are EndpointSlices; this is for older readers.
//! Invariant: Endpoints that belong to no Service with a selector are left alone.
//! <https://kubernetes.io/docs/concepts/services-networking/service/#endpoints>

mod plan;
pub(crate) mod subsets;

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Error, Scope};

use crate::context::Context;
use crate::endpoint_slice;
use crate::shared::{requests, selector};
use plan::{MANAGED_BY, MANAGER, Observed, Plan, plan};

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let services = caches.cache::<Service>(Scope::all());
    let reconciler = Writer {
        context: context.clone(),
        services: services.clone(),
        pods: caches.cache(Scope::all()),
        endpoints: caches.cache(Scope::all()),
    };
    let registration = Registration::new("endpoints-controller", reconciler)
        .workers(context.config.concurrency.endpoints)
        .primary::<Service>()
        .watches::<Pod>(move |change| endpoint_slice::selecting(change, &services))
        .watches::<Endpoints>(changed);
    Ok(vec![registration])
}

/// What others write is theirs until it is deleted: then it may have to be ours.
fn changed(change: &Change<Endpoints>) -> Vec<Key> {
    let is_ours = |endpoints: &Endpoints| {
        let labels = endpoints.metadata.labels.as_ref();
        labels
            .and_then(|labels| labels.get(MANAGED_BY))
            .map(String::as_str)
            == Some(MANAGER)
    };
    match change {
        Change::Applied { new, .. } if is_ours(new) => vec![Key::of(&**new)],
        Change::Deleted(last) => vec![Key::of(&**last)],
        _ => Vec::new(),
    }
}

struct Writer {
    context: Context,
    services: Cache<Service>,
    pods: Cache<Pod>,
    endpoints: Cache<Endpoints>,
}

#[async_trait]
impl Reconciler for Writer {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let current = self.endpoints.get_key(key);
        let Some(service) = self.services.get_key(key) else {
            if let Some(left_over) = current {
                self.delete(&left_over).await?;
            }
            return Ok(Next::Wait);
        };
        let Some(observed) = self.observe(service, current) else {
            return Ok(Next::Wait);
        };
        match plan(&observed, self.context.clock.now()) {
            Plan::Keep => {}
            Plan::Create(endpoints) => match self.context.client.create(&endpoints).await {
                Ok(_) => {}
                // The cache is behind; the event of what exists brings us back.
                Err(error) if error.is_already_exists() || error.is_namespace_terminating() => {}
                Err(error) => return Err(error.into()),
            },
            Plan::Update(endpoints) => {
                self.context.client.replace(&endpoints).await?;
            }
        }
        Ok(Next::Wait)
    }
}

impl Writer {
    /// `None` for Services whose endpoints somebody else has to name.
    fn observe(&self, service: Arc<Service>, current: Option<Arc<Endpoints>>) -> Option<Observed> {
        let spec = service.spec.as_ref()?;
        if spec.type_.as_deref() == Some("ExternalName") {
            return None;
        }
        let wanted = selector::of_map(Some(spec.selector.as_ref()?));
        let namespace = service.metadata.namespace.as_deref().unwrap_or_default();
        let pods = self.pods.list_namespace(namespace).into_iter();
        let pods = pods
            .filter(|pod| selector::matches(&wanted, pod.metadata.labels.as_ref()))
            .collect();
        Some(Observed {
            service,
            pods,
            current,
        })
    }

    async fn delete(&self, endpoints: &Endpoints) -> anyhow::Result<()> {
        let Key { namespace, name } = Key::of(endpoints);
        let options = requests::exactly(&endpoints.metadata);
        let client = &self.context.client;
        let deleted = client
            .delete::<Endpoints>(&namespace, &name, &options)
            .await;
        Error::unless_not_found(deleted)?;
        Ok(())
    }
}
