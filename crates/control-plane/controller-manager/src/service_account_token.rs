//! Fills the Secrets that ask for a token of a service account, and removes them with the account.
//!
//! Watches Secrets of that type, and ServiceAccounts. Writes the Secrets, deletes them, and takes
//! their names off accounts when they are gone. Invariant: a token that is there is never replaced.
//! Works as the component itself, as upstream's does.
//! <https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets>

mod plan;

use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use serde_json::json;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Client, Error, Index, Scope};
use styr_pki::service_account::Signer;

use crate::context::Context;
use crate::shared::requests;
use plan::{Contents, TYPE};

/// Registers the controller; without a key to sign with there is none.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let Some(path) = &context.config.token_key else {
        return Ok(Vec::new());
    };
    let pem = std::fs::read_to_string(path)
        .with_context(|| format!("could not read the key of tokens {}", path.display()))?;
    let signer = Signer::from_pem(&pem)
        .with_context(|| format!("could not use the key of tokens {}", path.display()))?;
    let authority = context.config.root_ca.as_ref().map(|path| {
        std::fs::read(path)
            .with_context(|| format!("could not read the root authority {}", path.display()))
    });
    let caches = &context.caches;
    let secrets = caches.cache::<Secret>(scope());
    let of_account = secrets.index("service account", |secret| {
        plan::account(secret)
            .map(|key| key.to_string())
            .into_iter()
            .collect()
    });
    let reconciler = Tokens {
        client: caches.client().clone(),
        secrets,
        accounts: caches.cache(Scope::all()),
        signer,
        authority: authority.transpose()?,
    };
    let registration = Registration::new("serviceaccount-token-controller", reconciler)
        .workers(context.config.concurrency.tokens)
        .watches_within::<Secret>(scope(), |change: &Change<Secret>| {
            let secret = change.object();
            secret
                .map(|secret| Key::of(&**secret))
                .into_iter()
                .collect()
        })
        .watches::<ServiceAccount>(move |change| gone(change, &of_account));
    Ok(vec![registration])
}

fn scope() -> Scope {
    Scope::all().fields(format!("type={TYPE}"))
}

/// The Secrets of an account that is gone.
fn gone(change: &Change<ServiceAccount>, of_account: &Index<Secret>) -> Vec<Key> {
    let Change::Deleted(account) = change else {
        return Vec::new();
    };
    let secrets = of_account.get(&Key::of(&**account).to_string());
    secrets.iter().map(|secret| Key::of(&**secret)).collect()
}

struct Tokens {
    client: Client,
    secrets: Cache<Secret>,
    accounts: Cache<ServiceAccount>,
    signer: Signer,
    authority: Option<Vec<u8>>,
}

#[async_trait]
impl Reconciler for Tokens {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let Some(secret) = self.secrets.get_key(key) else {
            self.take_off_accounts(key).await?;
            return Ok(Next::Wait);
        };
        let Some(account) = plan::account(&secret) else {
            return Ok(Next::Wait);
        };
        match self.account(&account, &secret).await? {
            Some(account) => self.fill(key, &secret, &account).await?,
            None => self.delete(key, &secret).await?,
        }
        Ok(Next::Wait)
    }
}

impl Tokens {
    /// The account that a Secret is for; asks the server before it says that there is none.
    async fn account(
        &self,
        key: &Key,
        secret: &Secret,
    ) -> Result<Option<Arc<ServiceAccount>>, Error> {
        let is_meant = |account: &Arc<ServiceAccount>| plan::is_for(secret, account);
        if let Some(account) = self.accounts.get_key(key).filter(is_meant) {
            return Ok(Some(account));
        }
        let found = self.client.get(&key.namespace, &key.name).await;
        let found = Error::unless_not_found(found)?;
        Ok(found.map(Arc::new).filter(is_meant))
    }

    async fn fill(
        &self,
        key: &Key,
        secret: &Arc<Secret>,
        account: &ServiceAccount,
    ) -> anyhow::Result<()> {
        let missing = plan::missing(secret, self.authority.as_deref());
        if missing.is_nothing() {
            return Ok(());
        }
        let token = missing.token.then(|| {
            let claims = plan::claims(secret, account);
            self.signer
                .sign(&claims)
                .with_context(|| format!("could not make the token {key}"))
        });
        let contents = Contents {
            token: token.transpose()?,
            authority: self.authority.as_deref().filter(|_| missing.authority),
        };
        let patch = plan::patch(secret, account, &contents);
        let name = (key.namespace.as_str(), key.name.as_str());
        match self.client.merge_update::<Secret>(name, "", &patch).await {
            // Somebody else wrote it; the watch will tell.
            Err(error) if error.is_conflict() => Ok(()),
            written => Ok(Error::unless_not_found(written).map(drop)?),
        }
    }

    async fn delete(&self, key: &Key, secret: &Secret) -> Result<(), Error> {
        let options = requests::exactly(&secret.metadata);
        let (namespace, name) = (&key.namespace, &key.name);
        match self
            .client
            .delete::<Secret>(namespace, name, &options)
            .await
        {
            Err(error) if error.is_conflict() => Ok(()),
            deleted => Error::unless_not_found(deleted).map(drop),
        }
    }

    /// A Secret is gone; accounts that list it as theirs no longer do.
    async fn take_off_accounts(&self, secret: &Key) -> Result<(), Error> {
        for account in self.accounts.list_namespace(&secret.namespace) {
            let known = account.secrets.as_deref().unwrap_or_default();
            let is_other = |name: Option<&str>| name != Some(secret.name.as_str());
            let rest = known.iter().filter(|known| is_other(known.name.as_deref()));
            let rest: Vec<_> = rest.collect();
            if rest.len() == known.len() {
                continue;
            }
            let metadata = &account.metadata;
            let patch = json!({
                "metadata": { "uid": metadata.uid, "resourceVersion": metadata.resource_version },
                "secrets": rest,
            });
            let name = metadata.name.as_deref().unwrap_or_default();
            let place = (secret.namespace.as_str(), name);
            let written = self
                .client
                .merge_update::<ServiceAccount>(place, "", &patch);
            Error::unless_not_found(written.await)?;
        }
        Ok(())
    }
}
