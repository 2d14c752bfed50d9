//! Copies hand-written Endpoints into EndpointSlices, which is what proxies read.
//!
//! Watches Endpoints, Services and the slices made here. Writes slices, for Endpoints whose
//! Service has no selector; they go with their Endpoints.
//! Invariant: slices that others manage are left alone.
//! <https://kubernetes.io/docs/concepts/services-networking/service/#endpointslice-mirroring>

mod plan;

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::expectations::Expectations;
use styr_client::{Cache, Change, Error, Index, Scope};

use crate::context::Context;
use crate::endpoint_slice::{MANAGER_LABEL, SERVICE_LABEL};
use plan::{MANAGER, Plan, plan};

const SKIP_LABEL: &str = "endpointslice.kubernetes.io/skip-mirror";
const LEADER_ANNOTATION: &str = "control-plane.alpha.kubernetes.io/leader";

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let caches = &context.caches;
    let slices = caches.cache::<EndpointSlice>(Scope::all());
    let expectations = Expectations::new(Arc::clone(&context.clock));
    let reconciler = Mirror {
        context: context.clone(),
        services: caches.cache(Scope::all()),
        endpoints: caches.cache(Scope::all()),
        slices: slices.index("mirrored", index),
        expectations: expectations.clone(),
    };
    let registration = Registration::new("endpointslice-mirroring-controller", reconciler)
        .workers(context.config.concurrency.mirrored_endpoints)
        .primary::<Endpoints>()
        .watches::<Service>(service_changed)
        .watches::<EndpointSlice>(move |change| slice_changed(change, &expectations));
    Ok(vec![registration])
}

/// The name of the Endpoints that a slice of ours copies.
fn source(slice: &EndpointSlice) -> Option<Key> {
    let labels = slice.metadata.labels.as_ref()?;
    let is_ours = labels
        .get(MANAGER_LABEL)
        .is_some_and(|name| name == MANAGER);
    let name = labels.get(SERVICE_LABEL).filter(|_| is_ours)?;
    Some(Key::new(slice.metadata.namespace.clone()?, name))
}

fn index(slice: &EndpointSlice) -> Vec<String> {
    source(slice).iter().map(Key::to_string).collect()
}

fn slice_changed(change: &Change<EndpointSlice>, expectations: &Expectations) -> Vec<Key> {
    let key = change.object().and_then(|slice| source(slice));
    if let (Some(key), Change::Applied { old: None, .. }) = (&key, change) {
        expectations.creation_observed(key);
    }
    key.into_iter().collect()
}

/// Only whether there is a selector matters.
fn service_changed(change: &Change<Service>) -> Vec<Key> {
    let has_selector = |service: &Service| {
        let spec = service.spec.as_ref();
        spec.is_some_and(|spec| spec.selector.is_some())
    };
    let matters = match change {
        Change::Applied {
            old: Some(old),
            new,
        } => has_selector(old) != has_selector(new),
        Change::Applied { old: None, new } => !has_selector(new),
        Change::Deleted(last) => !has_selector(last),
        Change::Synced => false,
    };
    let service = change.object().filter(|_| matters);
    service
        .map(|service| Key::of(&**service))
        .into_iter()
        .collect()
}

struct Mirror {
    context: Context,
    services: Cache<Service>,
    endpoints: Cache<Endpoints>,
    slices: Index<EndpointSlice>,
    expectations: Expectations,
}

#[async_trait]
impl Reconciler for Mirror {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let slices = self.slices.get(&key.to_string());
        let Some(endpoints) = self
            .endpoints
            .get_key(key)
            .filter(|e| self.is_wanted(key, e))
        else {
            self.expectations.forget(key);
            let delete = Plan {
                delete: slices,
                ..Plan::default()
            };
            self.apply(key, delete).await?;
            return Ok(Next::Wait);
        };
        // What was created and is not seen yet would be created again; its event brings us back.
        if !self.expectations.satisfied(key) {
            return Ok(Next::Wait);
        }
        let addresses_max = self.context.config.mirrored_per_subset_max;
        let (plan, skipped) = plan(&endpoints, &slices, addresses_max);
        if skipped > 0 {
            let text = format!(
                "A max of {addresses_max} addresses can be mirrored to EndpointSlices per \
                 Endpoints subset. {skipped} addresses were skipped"
            );
            self.context
                .recorder
                .warning(&*endpoints, "TooManyAddressesToMirror", text);
        }
        self.apply(key, plan).await?;
        Ok(Next::Wait)
    }
}

impl Mirror {
    fn is_wanted(&self, key: &Key, endpoints: &Endpoints) -> bool {
        let metadata = &endpoints.metadata;
        let labels = metadata.labels.as_ref();
        let is_skipped = labels
            .and_then(|labels| labels.get(SKIP_LABEL))
            .is_some_and(|v| v == "true");
        let elects = metadata
            .annotations
            .as_ref()
            .is_some_and(|annotations| annotations.contains_key(LEADER_ANNOTATION));
        let service = self.services.get_key(key);
        let spec = service.as_ref().and_then(|service| service.spec.as_ref());
        !is_skipped && !elects && spec.is_some_and(|spec| spec.selector.is_none())
    }

    async fn apply(&self, key: &Key, plan: Plan) -> anyhow::Result<()> {
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
            let options = DeleteOptions::default();
            let deleted = client.delete::<EndpointSlice>(&namespace, &name, &options);
            Error::unless_not_found(deleted.await)?;
        }
        Ok(())
    }
}
