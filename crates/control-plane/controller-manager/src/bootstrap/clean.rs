//! Deletes bootstrap tokens when they run out.
//!
//! Watches the tokens' Secrets, deletes them; one timer each.

use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Secret;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Error};

use super::{TYPE, expiry, scope};
use crate::context::Context;
use crate::shared::requests;

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let reconciler = Cleaner {
        context: context.clone(),
        secrets: context.caches.cache(scope()),
    };
    let registration = Registration::new("token-cleaner-controller", reconciler)
        .watches_within::<Secret>(scope(), |change: &Change<Secret>| {
            change
                .object()
                .map(|secret| Key::of(&**secret))
                .into_iter()
                .collect()
        });
    Ok(vec![registration])
}

struct Cleaner {
    context: Context,
    secrets: Cache<Secret>,
}

#[async_trait]
impl Reconciler for Cleaner {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let secret = self
            .secrets
            .get_key(key)
            .filter(|secret| secret.type_.as_deref() == Some(TYPE));
        let Some((secret, until)) =
            secret.and_then(|secret| Some((secret.clone(), expiry(&secret)?)))
        else {
            return Ok(Next::Wait);
        };
        let left = Duration::try_from(until.duration_since(self.context.clock.now()));
        if let Some(left) = left.ok().filter(|left| !left.is_zero()) {
            return Ok(Next::After(left));
        }
        let options = requests::exactly(&secret.metadata);
        let client = &self.context.client;
        let deleted = client
            .delete::<Secret>(&key.namespace, &key.name, &options)
            .await;
        Error::unless_not_found(deleted)?;
        Ok(Next::Wait)
    }
}
