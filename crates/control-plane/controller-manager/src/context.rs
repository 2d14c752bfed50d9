//! What a controller is given.

use std::sync::Arc;

use k8s_openapi::api::core::v1::EventSource;
use styr_base::{SharedClock, Shutdown};
use styr_client::events::Recorder;
use styr_client::{Caches, Client};
use styr_component::health::Checks;
use styr_component::metrics::Registry;

use crate::{Clients, Config, Controller};

/// Whom events name as their source, where it is not the account that upstream writes them as.
const EVENT_SOURCES: &[(&str, &str)] = &[
    ("daemonset-controller", "daemonset-controller"),
    ("disruption-controller", "controllermanager"),
    ("endpointslice-controller", "endpoint-slice-controller"),
    (
        "endpointslice-mirroring-controller",
        "endpoint-slice-mirroring-controller",
    ),
    (
        "garbage-collector-controller",
        "garbage-collector-controller",
    ),
    ("ephemeral-volume-controller", "ephemeral_volume"),
    ("node-ipam-controller", "cidrAllocator"),
    (
        "persistentvolume-binder-controller",
        "persistentvolume-controller",
    ),
    ("taint-eviction-controller", "taint-eviction-controller"),
];

/// What the component is given by whoever runs it.
#[derive(Debug, Clone)]
pub struct Deps {
    /// Connections to the API server.
    pub clients: Arc<dyn Clients>,
    /// Time.
    pub clock: SharedClock,
    /// Ends the component.
    pub shutdown: Shutdown,
    /// Where queues count.
    pub registry: Registry,
    /// Where health is told.
    pub checks: Checks,
}

/// What one controller is given.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// Writes in the controller's own name.
    pub(crate) client: Client,
    pub(crate) caches: Caches,
    pub(crate) clock: SharedClock,
    pub(crate) recorder: Recorder,
    pub(crate) config: Arc<Config>,
}

impl Context {
    /// For one controller.
    pub(crate) fn new(
        deps: &Deps,
        caches: &Caches,
        config: &Arc<Config>,
        controller: &Controller,
    ) -> Self {
        let client = deps.clients.of(controller.account);
        let known = EVENT_SOURCES
            .iter()
            .find(|(name, _)| *name == controller.name);
        let component = known.map_or(controller.account, |(_, source)| source);
        let source = EventSource {
            component: Some(component.to_owned()),
            host: None,
        };
        let recorder = Recorder::new(
            client.clone(),
            Arc::clone(&deps.clock),
            caches.shutdown().clone(),
            source,
        );
        Self {
            client,
            caches: caches.clone(),
            clock: Arc::clone(&deps.clock),
            recorder,
            config: Arc::clone(config),
        }
    }
}
