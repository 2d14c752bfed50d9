//! Two config maps that others read: how this server authenticates, and since when tokens are
//! tracked.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use styr_meta::Status;

use super::ensure_object;
use crate::attributes::User;
use crate::registry::{Aspect, Call, Preconditions, Target};
use crate::server::State;

const NAMESPACE: &str = "kube-system";
const AUTHENTICATION: &str = "extension-apiserver-authentication";
const TRACKING: &str = "kube-apiserver-legacy-service-account-token-tracking";

pub(super) async fn ensure(state: &State) {
    let since = state.clock.now().strftime("%Y-%m-%d").to_string();
    put(state, TRACKING, json!({ "since": since }), Existing::Kept).await;
    put(
        state,
        AUTHENTICATION,
        authentication(state),
        Existing::Replaced,
    )
    .await;
}

/// What happens to data that is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    Kept,
    Replaced,
}

/// Extension servers trust the clients and the proxies that this server trusts.
fn authentication(state: &State) -> Value {
    let mut data = json!({});
    let read = |path: &Option<PathBuf>| path.as_ref().and_then(|it| fs::read_to_string(it).ok());
    if let Some(certificates) = read(&state.config.client_ca_file) {
        data["client-ca-file"] = certificates.into();
    }
    let header = &state.config.requestheader;
    if let Some(certificates) = read(&header.client_ca_file) {
        let list = |values: &[String]| Value::String(json!(values).to_string());
        data["requestheader-client-ca-file"] = certificates.into();
        data["requestheader-allowed-names"] = list(&header.allowed_names);
        data["requestheader-username-headers"] = list(&header.username_headers);
        data["requestheader-group-headers"] = list(&header.group_headers);
        data["requestheader-extra-headers-prefix"] = list(&header.extra_headers_prefix);
        if !header.uid_headers.is_empty() {
            data["requestheader-uid-headers"] = list(&header.uid_headers);
        }
    }
    data
}

async fn put(state: &State, name: &str, data: Value, existing: Existing) {
    let registry = state.resources.builtin("", "configmaps");
    let Some(entry) = registry.cache.get(&registry.key(NAMESPACE, name)) else {
        let object = json!({ "metadata": { "name": name, "namespace": NAMESPACE }, "data": data });
        ensure_object(registry, NAMESPACE, object).await;
        return;
    };
    if existing == Existing::Kept || entry.value()["data"] == data {
        return;
    }
    let user = User::loopback();
    let mut call = Call::of_server(&user, NAMESPACE);
    let target = Target {
        name,
        aspect: Aspect::Main,
        preconditions: Preconditions::default(),
    };
    let replaced = registry.update(&mut call, &target, |old| {
        let mut new = old.clone();
        new["data"] = data.clone();
        Ok::<_, Status>(new)
    });
    if let Err(error) = replaced.await {
        tracing::error!(%error, name, "could not update a config map");
    }
}
