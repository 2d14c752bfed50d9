//! Every namespace has a ServiceAccount `default`.
//!
//! Watches namespaces and ServiceAccounts, creates what is missing.
//! <https://kubernetes.io/docs/concepts/security/service-accounts/>

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Scope};

use crate::context::Context;

const NAME: &str = "default";

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let reconciler = Defaults {
        context: context.clone(),
        namespaces: context.caches.cache(Scope::all()),
        accounts: context.caches.cache(Scope::all()),
    };
    let registration = Registration::new("serviceaccount-controller", reconciler)
        .primary::<Namespace>()
        .watches::<ServiceAccount>(gone)
        .workers(2);
    Ok(vec![registration])
}

fn gone(change: &Change<ServiceAccount>) -> Vec<Key> {
    match change {
        Change::Deleted(account) if account.metadata.name.as_deref() == Some(NAME) => account
            .metadata
            .namespace
            .iter()
            .map(Key::cluster)
            .collect(),
        _ => Vec::new(),
    }
}

struct Defaults {
    context: Context,
    namespaces: Cache<Namespace>,
    accounts: Cache<ServiceAccount>,
}

#[async_trait]
impl Reconciler for Defaults {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let namespace = self.namespaces.get_key(key);
        let is_active = namespace.is_some_and(|namespace| {
            let status = namespace.status.as_ref();
            status.and_then(|status| status.phase.as_deref()) == Some("Active")
        });
        if !is_active || self.accounts.get(Some(&key.name), NAME).is_some() {
            return Ok(Next::Wait);
        }
        let account = ServiceAccount {
            metadata: ObjectMeta {
                name: Some(NAME.to_owned()),
                namespace: Some(key.name.clone()),
                ..ObjectMeta::default()
            },
            ..ServiceAccount::default()
        };
        match self.context.client.create(&account).await {
            Err(error) if error.is_already_exists() || error.is_namespace_terminating() => {}
            other => drop(other?),
        }
        Ok(Next::Wait)
    }
}
