//! Lists where a Service's pods are, in EndpointSlices.
//!
//! Watches Services, pods, nodes' zones and slices. Writes slices, for Services with a selector.
//! Invariant: a slice has one address family and one set of ports; slices that others manage are
//! left alone; what is right already is not moved between slices.
//! <https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/>

pub(crate) mod endpoints;
pub(crate) mod plan;

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::expectations::Expectations;
use styr_client::{Cache, Change, Error, Index, Scope};

use crate::context::Context;
use crate::shared::{pods, requests, selector};
use plan::{Observed, plan};

pub(crate) const SERVICE_LABEL: &str = "kubernetes.io/service-name";
pub(crate) const HEADLESS_LABEL: &str = "service.kubernetes.io/headless";
pub(crate) const TRIGGER: &str = "endpoints.kubernetes.io/last-change-trigger-time";
pub(crate) const MANAGER_LABEL: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslice-controller.k8s.io";

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let services = caches.cache::<Service>(Scope::all());
    let slices = caches.cache::<EndpointSlice>(Scope::all());
    let expectations = Expectations::new(Arc::clone(&context.clock));
    let reconciler = Slices {
        context: context.clone(),
        services: services.clone(),
        pods: caches.cache(Scope::all()),
        nodes: caches.cache(Scope::all()),
        slices: slices.index("service", service_of),
        expectations: expectations.clone(),
    };
    let registration = Registration::new("endpointslice-controller", reconciler)
        .workers(context.config.concurrency.services)
        .primary::<Service>()
        .reads::<Node>()
        .watches::<Pod>(move |change| selecting(change, &services))
        .watches::<EndpointSlice>(move |change| slice_changed(change, &expectations));
    Ok(vec![registration])
}

/// Index value and queue key of a slice of ours.
fn service_of(slice: &EndpointSlice) -> Vec<String> {
    let metadata = &slice.metadata;
    let label = |key: &str| metadata.labels.as_ref()?.get(key).map(String::as_str);
    if label(MANAGER_LABEL) != Some(MANAGER) {
        return Vec::new();
    }
    let key = label(SERVICE_LABEL)
        .map(|name| Key::new(metadata.namespace.clone().unwrap_or_default(), name).to_string());
    key.into_iter().collect()
}

fn slice_changed(change: &Change<EndpointSlice>, expectations: &Expectations) -> Vec<Key> {
    let Some(slice) = change.object() else {
        return Vec::new();
    };
    let keys = service_of(slice).into_iter().filter_map(|text| {
        let (namespace, name) = text.split_once('/')?;
        Some(Key::new(namespace, name))
    });
    let keys: Vec<Key> = keys.collect();
    if matches!(change, Change::Applied { old: None, .. }) {
        keys.iter()
            .for_each(|key| expectations.creation_observed(key));
    }
    keys
}

/// The Services that select a pod, or did before it changed.
pub(crate) fn selecting(change: &Change<Pod>, services: &Cache<Service>) -> Vec<Key> {
    let (old, new) = match change {
        Change::Applied { old, new } => (old.as_ref(), new),
        Change::Deleted(last) => (None, last),
        Change::Synced => return Vec::new(),
    };
    if old.is_some_and(|old| endpoints::is_same(old, new)) {
        return Vec::new();
    }
    let namespace = new.metadata.namespace.as_deref().unwrap_or_default();
    let all = services.list_namespace(namespace);
    let selects = |service: &Service, pod: &Pod| {
        let wanted = service
            .spec
            .as_ref()
            .and_then(|spec| spec.selector.as_ref());
        wanted
            .filter(|wanted| !wanted.is_empty())
            .is_some_and(|wanted| {
                let labels = pod.metadata.labels.as_ref();
                wanted
                    .iter()
                    .all(|(key, value)| labels.and_then(|l| l.get(key)) == Some(value))
            })
    };
    let selecting = all
        .iter()
        .filter(|service| selects(service, new) || old.is_some_and(|old| selects(service, old)));
    selecting.map(|service| Key::of(&**service)).collect()
}

struct Slices {
    context: Context,
    services: Cache<Service>,
    pods: Cache<Pod>,
    nodes: Cache<Node>,
    slices: Index<EndpointSlice>,
    expectations: Expectations,
}

#[async_trait]
impl Reconciler for Slices {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(service) = self.services.get_key(key) else {
            // Its slices go with it, by their owner.
            self.expectations.forget(key);
            return Ok(Next::Wait);
        };
        let spec = service.spec.clone().unwrap_or_default();
        let is_external = spec.type_.as_deref() == Some("ExternalName");
        if is_external || service.metadata.deletion_timestamp.is_some() {
            return Ok(Next::Wait);
        }
        let Some(wanted) = &spec.selector else {
            return Ok(Next::Wait);
        };
        // What was created and is not seen yet would be created again; its event brings us back.
        if !self.expectations.satisfied(key) {
            return Ok(Next::Wait);
        }
        let wanted = selector::of_map(Some(wanted));
        let pods = self.pods.list_namespace(&key.namespace).into_iter();
        let pods = pods.filter(|pod| selector::matches(&wanted, pod.metadata.labels.as_ref()));
        let observed = Observed {
            pods: pods.filter(|pod| !pods::is_finished(pod)).collect(),
            slices: self.slices.get(&key.to_string()),
            service,
            per_slice_max: self.context.config.endpoints_per_slice_max,
        };
        let zone = |node: &str| {
            let node = self.nodes.get(None, node)?;
            node.metadata
                .labels
                .as_ref()?
                .get("topology.kubernetes.io/zone")
                .cloned()
        };
        let plan = plan(&observed, zone, self.context.clock.now());
        self.apply(key, plan).await?;
        Ok(Next::Wait)
    }
}

impl Slices {
    async fn apply(&self, key: &Key, plan: plan::Plan) -> anyhow::Result<()> {
        let client = &self.context.client;
        for slice in &plan.create {
            self.expectations.expect_creations(key, 1);
            if let Err(error) = client.create(slice).await {
                self.expectations.creation_observed(key);
                if error.is_namespace_terminating() {
                    return Ok(());
                }
                return Err(error.into());
            }
        }
        for slice in &plan.update {
            client.replace(slice).await?;
        }
        for slice in &plan.delete {
            let Key { namespace, name } = Key::of(&**slice);
            let options = requests::exactly(&slice.metadata);
            let deleted = client
                .delete::<EndpointSlice>(&namespace, &name, &options)
                .await;
            Error::unless_not_found(deleted)?;
        }
        Ok(())
    }
}
