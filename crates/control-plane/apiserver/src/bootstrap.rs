//! Objects that every cluster has: RBAC policy, priority classes, flow control.
//!
//! The data is upstream's, generated. All of it is written at once, so that the log makes it durable
//! in a few batches; what is there already is left alone, but for rules that a newer policy adds.

mod reconcile;

use std::sync::{Arc, LazyLock};

use futures::future::join_all;
use serde_json::Value;
use styr_meta::Status;

use crate::attributes::User;
use crate::duties::ensure_object;
use crate::registry::{Aspect, Call, Preconditions, Registry, Target};
use crate::server::State;

/// One object in each line.
const OBJECTS: &str = include_str!("../generated/bootstrap.jsonl");

static PARSED: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let parse = |line: &str| serde_json::from_str(line).expect("generated data is JSON");
    OBJECTS.lines().map(parse).collect()
});

/// The resource of each kind of the data.
const RESOURCES: [(&str, &str, &str); 7] = [
    ("ClusterRole", "rbac.authorization.k8s.io", "clusterroles"),
    (
        "ClusterRoleBinding",
        "rbac.authorization.k8s.io",
        "clusterrolebindings",
    ),
    ("Role", "rbac.authorization.k8s.io", "roles"),
    ("RoleBinding", "rbac.authorization.k8s.io", "rolebindings"),
    ("PriorityClass", "scheduling.k8s.io", "priorityclasses"),
    (
        "PriorityLevelConfiguration",
        "flowcontrol.apiserver.k8s.io",
        "prioritylevelconfigurations",
    ),
    ("FlowSchema", "flowcontrol.apiserver.k8s.io", "flowschemas"),
];

/// An object of the data.
pub(crate) fn object(kind: &str, name: &str) -> Option<Value> {
    PARSED
        .iter()
        .find(|it| it["kind"] == kind && it["metadata"]["name"] == name)
        .cloned()
}

/// Creates what is not there, and adds what is missing to what is.
pub(crate) async fn run(state: &Arc<State>) {
    let writes = PARSED.iter().filter_map(|object| {
        let kind = object["kind"].as_str()?;
        let (_, group, resource) = RESOURCES.iter().find(|(known, ..)| *known == kind)?;
        let registry = state.resources.builtin(group, resource);
        Some(ensure(registry, object))
    });
    join_all(writes).await;
}

async fn ensure(registry: &Registry, wanted: &Value) {
    let namespace = wanted["metadata"]["namespace"].as_str().unwrap_or_default();
    let name = wanted["metadata"]["name"].as_str().unwrap_or_default();
    let Some(stored) = registry.cache.get(&registry.key(namespace, name)) else {
        ensure_object(registry, namespace, wanted.clone()).await;
        return;
    };
    if reconcile::completed(&stored.value(), wanted).is_none() {
        return;
    }
    let user = User::loopback();
    let mut call = Call::of_server(&user, namespace);
    let target = Target {
        name,
        aspect: Aspect::Main,
        preconditions: Preconditions::default(),
    };
    let updated = registry.update(&mut call, &target, |old| {
        Ok::<_, Status>(reconcile::completed(old, wanted).unwrap_or_else(|| old.clone()))
    });
    if let Err(error) = updated.await {
        let resource = registry.kind.plural.as_str();
        tracing::error!(resource, name, %error, "could not bring up to date");
    }
}
