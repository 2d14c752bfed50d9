//! Applies the addons, and marks the control plane's node.

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind, TypeMeta};
use serde_json::{Value, json};
use styr_base::{SharedClock, Shutdown};
use styr_client::{Caches, Client, Scope};

use crate::config::Config;

/// Resources of the kinds that addons are made of.
const RESOURCES: [(&str, &str); 11] = [
    ("ClusterRole", "clusterroles"),
    ("ClusterRoleBinding", "clusterrolebindings"),
    ("ConfigMap", "configmaps"),
    ("DaemonSet", "daemonsets"),
    ("Deployment", "deployments"),
    ("Namespace", "namespaces"),
    ("Role", "roles"),
    ("RoleBinding", "rolebindings"),
    ("Secret", "secrets"),
    ("Service", "services"),
    ("StorageClass", "storageclasses"),
];

/// Creates all objects, in order.
pub(super) async fn apply(client: &Client, objects: Vec<Value>) -> Result<()> {
    for object in objects {
        let what = format!("{} {}", object["kind"], object["metadata"]["name"]);
        create(client, object)
            .await
            .with_context(|| format!("could not create {what}"))?;
    }
    Ok(())
}

async fn create(client: &Client, object: Value) -> Result<()> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let plural = RESOURCES
        .iter()
        .find(|(known, _)| *known == kind)
        .map(|(_, plural)| *plural);
    let plural = plural.map_or_else(|| format!("{}s", kind.to_lowercase()), str::to_owned);
    let gvk = GroupVersionKind::gvk(group, version, &kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, &plural);
    let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client.kube().clone(), namespace, &resource),
        None => Api::all_with(client.kube().clone(), &resource),
    };
    let mut dynamic: DynamicObject = serde_json::from_value(object)?;
    dynamic.types = Some(TypeMeta {
        api_version: resource.api_version.clone(),
        kind,
    });
    match api.create(&PostParams::default(), &dynamic).await {
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        outcome => Ok(outcome.map(drop)?),
    }
}

/// Labels the control plane's node once it has registered.
pub(super) async fn mark_control_plane(
    client: &Client,
    config: &Config,
    clock: &SharedClock,
) -> Result<()> {
    let name = config.control_plane().name.as_str();
    let shutdown = Shutdown::new();
    let caches = Caches::new(client.clone(), clock.clone(), shutdown.clone());
    let nodes = caches.cache::<Node>(Scope::all());
    let mut changes = nodes.subscribe();
    while nodes.get(None, name).is_none() {
        changes.next().await.context("the watch of nodes ended")?;
    }
    shutdown.request();
    let label = json!({"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}});
    let api: Api<Node> = Api::all(client.kube().clone());
    api.patch(name, &PatchParams::default(), &Patch::Merge(label))
        .await
        .context("could not label the control plane's node")?;
    Ok(())
}
