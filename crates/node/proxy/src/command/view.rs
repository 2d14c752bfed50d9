//! The services and slices that this proxy serves, as the worker reads them.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use styr_client::{Cache, Caches, Change, Index, Key, Scope};

use crate::worker::Source;

const SERVICE_LABEL: &str = "kubernetes.io/service-name";
/// Services and slices with these labels are another proxy's, or nobody's, to serve.
const SELECTOR: &str = "!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless";

/// The caches, as the worker reads them.
pub(super) struct View {
    pub(super) services: Cache<Service>,
    pub(super) slices: Cache<EndpointSlice>,
    by_service: Index<EndpointSlice>,
}

impl View {
    pub(super) fn new(caches: &Caches) -> Self {
        let slices: Cache<EndpointSlice> = caches.cache(Scope::all().labels(SELECTOR));
        let by_service = slices.index("service", |slice| {
            let key = service_of(slice).map(|key| format!("{}/{}", key.namespace, key.name));
            key.into_iter().collect()
        });
        Self {
            services: caches.cache(Scope::all().labels(SELECTOR)),
            slices,
            by_service,
        }
    }
}

impl Source for View {
    fn service(&self, key: &Key) -> Option<Arc<Service>> {
        self.services.get_key(key)
    }

    fn slices(&self, key: &Key) -> Vec<Arc<EndpointSlice>> {
        self.by_service
            .get(&format!("{}/{}", key.namespace, key.name))
    }
}

fn service_of(slice: &EndpointSlice) -> Option<Key> {
    let labels = slice.metadata.labels.as_ref()?;
    let name = labels.get(SERVICE_LABEL)?;
    let namespace = slice.metadata.namespace.clone().unwrap_or_default();
    Some(Key::new(namespace, name))
}

/// A slice may be moved to another service.
pub(super) fn services_of(change: &Change<EndpointSlice>) -> Vec<Key> {
    let old = match change {
        Change::Applied { old, .. } => old.as_deref().and_then(service_of),
        _ => None,
    };
    let now = change.object().and_then(|slice| service_of(slice));
    old.into_iter().chain(now).collect()
}
