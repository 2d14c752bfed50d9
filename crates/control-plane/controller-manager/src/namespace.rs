//! Empties a namespace that is being deleted, then lets it go.
//!
//! Watches namespaces and, while one is leaving, its pods. Deletes everything that discovery names,
//! pods first; writes conditions that say what is left; takes its finalizer off when nothing is.
//! <https://kubernetes.io/docs/tasks/administer-cluster/namespaces/>

mod status;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use http::Method;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use serde_json::Value;
use styr_client::controller::{Key, Next, Reconciler, Registration};
use styr_client::{Cache, Change, Error, Scope};

use crate::context::Context;
use crate::shared::discovery::{self, Discovered, Served};
use status::{Remaining, conditions};

const FINALIZER: &str = "kubernetes";
/// What has finalizers goes by somebody else's hand; when, nobody tells us.
const RECHECK_MIN: Duration = Duration::from_millis(250);
const RECHECK_MAX: Duration = Duration::from_secs(10);

/// Registers the controller.
pub(crate) fn build(context: &Context) -> anyhow::Result<Vec<Registration>> {
    let namespaces = context.caches.cache::<Namespace>(Scope::all());
    let leaving = namespaces.clone();
    let reconciler = Namespaces {
        context: context.clone(),
        namespaces,
        waits: Mutex::default(),
    };
    let registration = Registration::new("namespace-controller", reconciler)
        .workers(context.config.concurrency.namespaces)
        .primary::<Namespace>()
        .watches::<Pod>(move |change: &Change<Pod>| {
            let Change::Deleted(pod) = change else {
                return Vec::new();
            };
            let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
            let found = leaving.get(None, namespace);
            let is_leaving = found.is_some_and(|n| n.metadata.deletion_timestamp.is_some());
            if is_leaving {
                vec![Key::cluster(namespace)]
            } else {
                Vec::new()
            }
        });
    Ok(vec![registration])
}

struct Namespaces {
    context: Context,
    namespaces: Cache<Namespace>,
    /// How long to wait before the next look, by name.
    waits: Mutex<HashMap<String, Duration>>,
}

#[async_trait]
impl Reconciler for Namespaces {
    async fn reconcile(&self, key: &Key) -> anyhow::Result<Next> {
        let found = self.namespaces.get_key(key);
        let leaving = found.filter(|namespace| namespace.metadata.deletion_timestamp.is_some());
        let Some(cached) = leaving else {
            self.waits().remove(&key.name);
            return Ok(Next::Wait);
        };
        let finalizers = cached
            .spec
            .as_ref()
            .and_then(|spec| spec.finalizers.as_ref());
        if !finalizers
            .into_iter()
            .flatten()
            .any(|finalizer| finalizer == FINALIZER)
        {
            return Ok(Next::Wait);
        }
        let client = &self.context.client;
        let discovered = discovery::discover(client).await;
        let remaining = match &discovered {
            Ok(discovered) => self.empty(&key.name, discovered).await,
            Err(error) => Remaining::undiscovered(error),
        };
        let current = client.get::<Namespace>("", &key.name).await;
        let Some(current) = Error::unless_not_found(current)? else {
            return Ok(Next::Wait);
        };
        let now = self.context.clock.now();
        let mut changed = current.clone();
        let status = changed.status.get_or_insert_default();
        let known = status.conditions.take().unwrap_or_default();
        status.conditions = Some(conditions(&known, &remaining, now));
        status.phase = Some("Terminating".to_owned());
        if changed.status != current.status {
            changed = client.replace_status(&changed).await?;
        }
        if remaining.is_nothing() {
            self.finalize(changed).await?;
            return Ok(Next::Wait);
        }
        let mut waits = self.waits();
        let wait = waits.entry(key.name.clone()).or_insert(RECHECK_MIN);
        let next = *wait;
        *wait = (*wait * 2).min(RECHECK_MAX);
        Ok(Next::After(next))
    }
}

impl Namespaces {
    fn waits(&self) -> std::sync::MutexGuard<'_, HashMap<String, Duration>> {
        self.waits.lock().expect("no holder of this lock panics")
    }

    /// Deletes all contents; answers what is still there.
    async fn empty(&self, namespace: &str, discovered: &Discovered) -> Remaining {
        let mut remaining = Remaining::default();
        for stale in &discovered.stale {
            remaining
                .undiscovered
                .push(format!("{stale}: stale GroupVersion discovery"));
        }
        let is_content = |served: &&Served| {
            served.address.namespaced && served.can("list") && (served.can("delete"))
        };
        let (pods, others): (Vec<_>, Vec<_>) = discovered
            .resources
            .iter()
            .filter(is_content)
            .partition(|served| served.address.group.is_empty() && served.address.plural == "pods");
        // A pod may need the rest of its namespace for an orderly end.
        for served in pods {
            self.delete_all(namespace, served, &mut remaining).await;
        }
        if remaining.is_nothing() || !remaining.undiscovered.is_empty() && remaining.left.is_empty()
        {
            for served in others {
                self.delete_all(namespace, served, &mut remaining).await;
            }
        }
        remaining
    }

    async fn delete_all(&self, namespace: &str, served: &Served, remaining: &mut Remaining) {
        let path = served.address.collection(namespace);
        if let Err(error) = self
            .try_delete_all(namespace, served, &path, remaining)
            .await
            && !error.is_not_found()
        {
            let error = anyhow::Error::from(error);
            remaining.failed.push(format!("{error:#}"));
        }
    }

    async fn try_delete_all(
        &self,
        namespace: &str,
        served: &Served,
        path: &str,
        remaining: &mut Remaining,
    ) -> Result<(), Error> {
        let before = self.list(path).await?;
        if before.is_empty() {
            return Ok(());
        }
        let options = DeleteOptions {
            propagation_policy: Some("Background".to_owned()),
            ..DeleteOptions::default()
        };
        let client = &self.context.client;
        if served.can("deletecollection") {
            client.delete_path(path, &options).await?;
        } else {
            for item in &before {
                let name = item["metadata"]["name"].as_str().unwrap_or_default();
                let path = served.address.object(namespace, name, "");
                Error::unless_not_found(client.delete_path(&path, &options).await)?;
            }
        }
        remaining.note(served, &self.list(path).await?);
        Ok(())
    }

    async fn list(&self, path: &str) -> Result<Vec<Value>, Error> {
        let request = http::Request::builder()
            .uri(path)
            .header(
                "accept",
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
            )
            .body(Vec::new());
        let request = request.expect("paths come from discovery");
        let answer: Result<Value, _> = self.context.client.kube().request(request).await;
        let mut tree = answer.map_err(|source| Error::new(format!("list {path}"), source))?;
        match tree["items"].take() {
            Value::Array(items) => Ok(items),
            _ => Ok(Vec::new()),
        }
    }

    async fn finalize(&self, mut namespace: Namespace) -> Result<(), Error> {
        if let Some(finalizers) = namespace
            .spec
            .as_mut()
            .and_then(|spec| spec.finalizers.as_mut())
        {
            finalizers.retain(|finalizer| finalizer != FINALIZER);
        }
        let name = namespace.metadata.name.clone().unwrap_or_default();
        let path = format!("/api/v1/namespaces/{name}/finalize");
        let body = serde_json::to_vec(&namespace).expect("maps with string keys");
        let answer = self
            .context
            .client
            .send::<Value>(Method::PUT, &path, Some(body))
            .await;
        Error::unless_not_found(answer).map(|_| ())
    }
}
