//! The cluster, as far as names need it.

use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use styr_client::{Cache, Caches, Index, Scope};

const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// What lookups read.
pub(super) trait View: Send + Sync {
    /// Whether everything that exists is known.
    fn is_ready(&self) -> bool;
    fn has_namespace(&self, name: &str) -> bool;
    fn service(&self, namespace: &str, name: &str) -> Option<Arc<Service>>;
    fn slices(&self, namespace: &str, service: &str) -> Vec<Arc<EndpointSlice>>;
    /// Services with this cluster address.
    fn services_at(&self, ip: IpAddr) -> Vec<Arc<Service>>;
    /// Slices with an endpoint at this address.
    fn slices_at(&self, ip: IpAddr) -> Vec<Arc<EndpointSlice>>;
}

/// The view over the process' caches.
#[derive(Clone)]
pub(super) struct Cached {
    namespaces: Cache<Namespace>,
    services: Cache<Service>,
    services_by_ip: Index<Service>,
    slices: Cache<EndpointSlice>,
    slices_by_service: Index<EndpointSlice>,
    slices_by_ip: Index<EndpointSlice>,
}

impl Cached {
    pub(super) fn new(caches: &Caches) -> Self {
        let services: Cache<Service> = caches.cache(Scope::all());
        let slices: Cache<EndpointSlice> = caches.cache(Scope::all());
        Self {
            namespaces: caches.cache(Scope::all()),
            services_by_ip: services.index("cluster-ip", |service| {
                let spec = service.spec.as_ref();
                let ips = spec.and_then(|spec| spec.cluster_ips.clone());
                ips.unwrap_or_default()
            }),
            services,
            slices_by_service: slices.index("service", |slice| {
                let service = service_of(slice);
                let key = service.map(|(namespace, name)| format!("{namespace}/{name}"));
                key.into_iter().collect()
            }),
            slices_by_ip: slices.index("address", |slice| {
                let endpoints = slice.endpoints.iter().flatten();
                endpoints.flat_map(|one| one.addresses.clone()).collect()
            }),
            slices,
        }
    }
}

/// The namespace and name of the service that a slice belongs to.
pub(super) fn service_of(slice: &EndpointSlice) -> Option<(&str, &str)> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_LABEL)?;
    Some((slice.metadata.namespace.as_deref()?, name))
}

impl View for Cached {
    fn is_ready(&self) -> bool {
        self.namespaces.is_synced() && self.services.is_synced() && self.slices.is_synced()
    }

    fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.get(None, name).is_some()
    }

    fn service(&self, namespace: &str, name: &str) -> Option<Arc<Service>> {
        self.services.get(Some(namespace), name)
    }

    fn slices(&self, namespace: &str, service: &str) -> Vec<Arc<EndpointSlice>> {
        self.slices_by_service
            .get(&format!("{namespace}/{service}"))
    }

    fn services_at(&self, ip: IpAddr) -> Vec<Arc<Service>> {
        self.services_by_ip.get(&ip.to_string())
    }

    fn slices_at(&self, ip: IpAddr) -> Vec<Arc<EndpointSlice>> {
        self.slices_by_ip.get(&ip.to_string())
    }
}
