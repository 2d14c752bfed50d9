//! What pods refer to: config maps, secrets, services, claims; read when needed.
//!
//! Values are read from the server each time a container or volume is made, so that a pod never
//! starts with what was true before it was created; the volumes' watches only say when to look again.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    ConfigMap, PersistentVolume, PersistentVolumeClaim, Secret, Service,
};
use k8s_openapi::api::node::v1::RuntimeClass;
use styr_client::{Cache, Caches, Client, Error, Object, Scope};

use crate::launch::{Environment, Failure, service_environment};

/// Reads on behalf of pods. Clones share the caches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Objects {
    server: Option<Server>,
}

#[derive(Debug, Clone)]
struct Server {
    client: Client,
    caches: Caches,
    services: Cache<Service>,
}

impl Objects {
    /// With an API server.
    pub(crate) fn new(client: Client, caches: Caches) -> Self {
        let services = caches.cache(Scope::all());
        Self {
            server: Some(Server {
                client,
                caches,
                services,
            }),
        }
    }

    pub(crate) fn client(&self) -> Option<&Client> {
        self.server.as_ref().map(|server| &server.client)
    }

    /// The cache of one object by name; tells when it changes.
    pub(crate) fn watch<K: Object>(&self, namespace: &str, name: &str) -> Option<Cache<K>> {
        let scope = Scope::namespace(namespace).fields(format!("metadata.name={name}"));
        self.server
            .as_ref()
            .map(|server| server.caches.cache(scope))
    }

    async fn get<K: Object>(&self, namespace: &str, name: &str) -> Result<Option<Arc<K>>, Failure> {
        let kind = K::KIND.to_lowercase();
        let Some(client) = self.client() else {
            let text = format!("couldn't get {kind} {namespace}/{name}, no kubeClient defined");
            return Err(Failure::config(text));
        };
        match client.get::<K>(namespace, name).await {
            Ok(object) => Ok(Some(Arc::new(object))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(Failure::config(said(&error))),
        }
    }

    pub(crate) async fn config_map(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<ConfigMap>>, Failure> {
        self.get(namespace, name).await
    }

    pub(crate) async fn secret(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Secret>>, Failure> {
        self.get(namespace, name).await
    }

    pub(crate) async fn claim(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<PersistentVolumeClaim>>, Failure> {
        self.get(namespace, name).await
    }

    pub(crate) async fn volume(
        &self,
        name: &str,
    ) -> Result<Option<Arc<PersistentVolume>>, Failure> {
        self.get("", name).await
    }

    /// The runtime's own name for a class of runtimes; empty for the usual one.
    pub(crate) async fn runtime_handler(&self, class: Option<&str>) -> Result<String, Failure> {
        let Some(name) = class.filter(|name| !name.is_empty()) else {
            return Ok(String::new());
        };
        match self.get::<RuntimeClass>("", name).await? {
            Some(class) => Ok(class.handler.clone()),
            None => Err(Failure::config(format!("RuntimeClass {name:?} not found"))),
        }
    }

    /// Variables of services. A static pod may start before services are known.
    pub(crate) async fn service_variables(
        &self,
        namespace: &str,
        links: bool,
        is_static: bool,
    ) -> Result<Environment, Failure> {
        let Some(server) = &self.server else {
            return Ok(Environment::new());
        };
        if !is_static {
            server.services.synced().await;
        }
        Ok(service_environment::variables(
            &server.services.list(),
            namespace,
            links,
        ))
    }
}

/// What the server said, or the whole chain of causes.
pub(crate) fn said(error: &Error) -> String {
    match error.status() {
        Some(status) => status.message.clone(),
        None => {
            let mut text = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(cause) = source {
                text.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            text
        }
    }
}
