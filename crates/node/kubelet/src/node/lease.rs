//! The node's heartbeat: a lease that is renewed four times while it lasts.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference};
use serde_json::json;
use styr_client::{Cache, Client};

use crate::objects::said;
use crate::shared::Shared;

const NAMESPACE: &str = "kube-node-lease";
/// After a failure.
const RETRY: Duration = Duration::from_millis(500);

/// Until dropped.
pub(crate) async fn run(shared: Arc<Shared>, client: Client, nodes: Cache<Node>) {
    let seconds = u64::try_from(shared.config.lease_seconds)
        .unwrap_or(40)
        .max(1);
    let period = Duration::from_millis(seconds * 250);
    loop {
        let wait = match renew(&shared, &client, &nodes).await {
            Ok(()) => period,
            Err(error) => {
                tracing::debug!(text = said(&error), "could not renew the node's lease");
                RETRY
            }
        };
        shared.clock.sleep(wait).await;
    }
}

async fn renew(
    shared: &Shared,
    client: &Client,
    nodes: &Cache<Node>,
) -> Result<(), styr_client::Error> {
    let name = &shared.config.node_name;
    let now = MicroTime(shared.clock.now());
    let owner = nodes.get(None, name).map(|node| OwnerReference {
        api_version: "v1".into(),
        kind: "Node".into(),
        name: name.clone(),
        uid: node.metadata.uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    });
    let mut patch = json!({ "spec": { "renewTime": now, "holderIdentity": name,
        "leaseDurationSeconds": shared.config.lease_seconds } });
    if let Some(owner) = &owner {
        patch["metadata"] = json!({ "ownerReferences": [owner] });
    }
    match client.merge_patch::<Lease>(NAMESPACE, name, &patch).await {
        Err(error) if error.is_not_found() => {}
        other => return other.map(drop),
    }
    let lease = Lease {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(NAMESPACE.into()),
            owner_references: owner.map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(name.clone()),
            lease_duration_seconds: Some(shared.config.lease_seconds),
            renew_time: Some(now),
            ..LeaseSpec::default()
        }),
    };
    client.create(&lease).await.map(drop)
}
