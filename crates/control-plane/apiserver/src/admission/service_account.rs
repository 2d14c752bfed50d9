//! `ServiceAccount`: every pod has an account, and its token where containers look for it.

mod secrets;
mod token_volume;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use styr_base::SharedClock;
use styr_meta::Status;
use tokio::sync::Notify;

use super::{Parts, forbidden, is_at, is_of, items, text};
use crate::attributes::{Admission, AdmissionAttributes, Operation};
use crate::objects::{Change, Objects};

const DEFAULT: &str = "default";
const MIRROR: &str = "kubernetes.io/config.mirror";
const ENFORCE: &str = "kubernetes.io/enforce-mountable-secrets";
/// How long a pod waits for the default account of a new namespace, as upstream does about.
const DEFAULT_WAIT_MAX: Duration = Duration::from_millis(1500);

#[derive(Debug)]
struct ServiceAccount {
    objects: Arc<dyn Objects>,
    clock: SharedClock,
    /// Tells that a default account has come.
    arrival: Arc<Notify>,
}

pub(super) fn make(parts: &Parts<'_>) -> Arc<dyn Admission> {
    let arrival = Arc::new(Notify::new());
    let told = Arc::clone(&arrival);
    let observer = move |change: Change<'_>| {
        if let Change::Applied { old: None, new } = change
            && new["metadata"]["name"] == DEFAULT
        {
            told.notify_waiters();
        }
    };
    parts
        .objects
        .subscribe("", "serviceaccounts", Box::new(observer));
    Arc::new(ServiceAccount {
        objects: Arc::clone(parts.objects),
        clock: Arc::clone(parts.clock),
        arrival,
    })
}

#[async_trait]
impl Admission for ServiceAccount {
    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    async fn admit(&self, attributes: &mut AdmissionAttributes<'_>) -> Result<(), Status> {
        if !is_of(attributes, "", "pods") || attributes.operation != Operation::Create {
            return Ok(());
        }
        let Some(pod) = attributes.object.as_deref_mut() else {
            return Ok(());
        };
        if is_mirror(pod) {
            return Ok(());
        }
        if text(&pod["spec"]["serviceAccountName"]).is_empty() {
            pod["spec"]["serviceAccountName"] = DEFAULT.into();
            pod["spec"]["serviceAccount"] = DEFAULT.into();
        }
        let name = text(&pod["spec"]["serviceAccountName"]).to_owned();
        let account = self.account(attributes, &name).await?;
        if let Some(pod) = attributes.object.as_deref_mut() {
            fill_in(pod, &account);
        }
        Ok(())
    }

    async fn validate(&self, attributes: &AdmissionAttributes<'_>) -> Result<(), Status> {
        let Some(pod) = attributes.object.as_deref() else {
            return Ok(());
        };
        let is_create = is_of(attributes, "", "pods") && attributes.operation == Operation::Create;
        let is_ephemeral =
            is_at(attributes, "", "pods") && attributes.subresource == "ephemeralcontainers";
        if !is_create && !is_ephemeral {
            return Ok(());
        }
        if is_create && is_mirror(pod) {
            return match secrets::in_mirror(pod) {
                Some(why) => Err(forbidden(attributes, why)),
                None => Ok(()),
            };
        }
        let name = text(&pod["spec"]["serviceAccountName"]);
        if name.is_empty() {
            let pod = text(&pod["metadata"]["name"]);
            let why = format!(
                "no service account specified for pod {}/{pod}",
                attributes.namespace
            );
            return Err(forbidden(attributes, why));
        }
        let account = self.account(attributes, name).await?;
        if !enforces_secrets(&account) {
            return Ok(());
        }
        let problem = if is_create {
            secrets::not_allowed(pod, &account)
        } else {
            secrets::not_allowed_ephemeral(pod, &account)
        };
        problem.map_or(Ok(()), |why| Err(forbidden(attributes, why)))
    }
}

impl ServiceAccount {
    async fn account(
        &self,
        attributes: &AdmissionAttributes<'_>,
        name: &str,
    ) -> Result<Arc<Value>, Status> {
        let namespace = attributes.namespace;
        if let Some(account) = self.find(namespace, name).await {
            return Ok(account);
        }
        let why = format!(
            "error looking up service account {namespace}/{name}: serviceaccount {name:?} not found"
        );
        Err(forbidden(attributes, why))
    }

    async fn find(&self, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let resource = ("", "serviceaccounts", Some(namespace));
        let (group, plural, place) = resource;
        if let Some(cached) = self.objects.get(group, plural, place, name) {
            return Some(cached);
        }
        if name != DEFAULT {
            return self.objects.get_latest(group, plural, place, name).await;
        }
        let mut end = self.clock.sleep(DEFAULT_WAIT_MAX);
        loop {
            let arrival = self.arrival.notified();
            tokio::pin!(arrival);
            // From here on no arrival is missed, not even before the first poll.
            arrival.as_mut().enable();
            if let Some(found) = self.objects.get_latest(group, plural, place, name).await {
                return Some(found);
            }
            tokio::select! {
                () = arrival => {}
                () = &mut end => return None,
            }
        }
    }
}

fn is_mirror(pod: &Value) -> bool {
    !pod["metadata"]["annotations"][MIRROR].is_null()
}

fn enforces_secrets(account: &Value) -> bool {
    let value = text(&account["metadata"]["annotations"][ENFORCE]);
    matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

fn fill_in(pod: &mut Value, account: &Value) {
    let own = pod["spec"]["automountServiceAccountToken"].as_bool();
    let wish = own.or_else(|| account["automountServiceAccountToken"].as_bool());
    if wish.unwrap_or(true) {
        token_volume::mount(pod);
    }
    let has_pull_secrets = items(&pod["spec"]["imagePullSecrets"]).next().is_some();
    let given: Vec<Value> = items(&account["imagePullSecrets"])
        .map(|secret| json!({"name": text(&secret["name"])}))
        .collect();
    if !has_pull_secrets && !given.is_empty() {
        pod["spec"]["imagePullSecrets"] = given.into();
    }
}
