//! Nodes that die.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod};
use styr_cluster_tests::run;

use crate::workloads::{deployment, is_ready, is_rolled_out};

/// When a silent node is known to be silent, and its pods have been tolerating it for as long as
/// the API server lets them by default.
const GRACE: Duration = Duration::from_secs(50);
const TOLERATED: Duration = Duration::from_secs(300);

fn on<'a>(pods: &'a [Arc<Pod>], node: &'a str) -> impl Iterator<Item = &'a Pod> {
    let is_on = move |pod: &&Pod| {
        let spec = pod.spec.as_ref();
        spec.and_then(|spec| spec.node_name.as_deref()) == Some(node)
    };
    pods.iter().map(AsRef::as_ref).filter(is_on)
}

#[test]
fn pods_of_a_dead_node_are_replaced_when_they_no_longer_tolerate_it() {
    run(async |cluster| {
        cluster.start();
        let node = cluster.node("one").await;
        let _: Deployment = cluster.create(deployment(2)).await;
        cluster
            .until::<Deployment>("a rollout", |all| all.iter().all(|d| is_rolled_out(d)))
            .await;
        cluster.node("two").await;
        node.die();
        cluster
            .until::<Node>("a taint that says so", |nodes| {
                let taints = nodes[0].spec.as_ref().and_then(|spec| spec.taints.as_ref());
                let mut keys = taints.into_iter().flatten().map(|taint| taint.key.as_str());
                keys.any(|key| key == "node.kubernetes.io/unreachable")
            })
            .await;
        // Until the toleration ends, pods stay where they are, though nobody counts on them.
        cluster.pass(TOLERATED - GRACE).await;
        let pods = cluster.list::<Pod>().await;
        assert_eq!(on(&pods, "one").filter(|pod| !is_ready(pod)).count(), 2);
        cluster
            .until::<Pod>("pods elsewhere", |pods| {
                on(pods, "two").filter(|pod| is_ready(pod)).count() == 2
            })
            .await;
        let going = cluster.list::<Pod>().await;
        assert!(on(&going, "one").all(|pod| pod.metadata.deletion_timestamp.is_some()));
    });
}
