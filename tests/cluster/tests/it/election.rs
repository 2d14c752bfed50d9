//! Controller managers that wait for one another.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::coordination::v1::Lease;
use serde_json::json;
use styr_cluster_tests::run;

use crate::workloads::deployment;

fn holder(leases: &[Arc<Lease>]) -> Option<String> {
    let named =
        |lease: &&Arc<Lease>| lease.metadata.name.as_deref() == Some("kube-controller-manager");
    let spec = leases.iter().find(named)?.spec.as_ref()?;
    spec.holder_identity
        .clone()
        .filter(|holder| !holder.is_empty())
}

#[test]
fn the_next_one_leads_when_the_first_ends_and_only_then() {
    run(async |cluster| {
        let first = cluster.start_controllers(&[]);
        cluster
            .until::<Lease>("a leader", |leases| holder(leases).is_some())
            .await;
        let leases = cluster.list().await;
        let leader = holder(&leases);
        cluster.start_controllers(&[]);
        cluster.pass(Duration::from_secs(120)).await;
        let leases = cluster.list().await;
        assert_eq!(holder(&leases), leader);
        first.request();
        cluster
            .until::<Lease>("another leader", |leases| {
                holder(leases).is_some_and(|holder| Some(holder) != leader)
            })
            .await;
        // The new one works.
        let _: Deployment = cluster.create(deployment(1)).await;
        cluster
            .until::<ReplicaSet>("a ReplicaSet", |sets| sets.len() == 1)
            .await;
    });
}

#[test]
fn a_leader_renews_a_lease_that_somebody_else_has_written_to() {
    run(async |cluster| {
        cluster.start_controllers(&[]);
        cluster
            .until::<Lease>("a leader", |leases| holder(leases).is_some())
            .await;
        let leader = holder(&cluster.list().await);
        let labels = json!({ "metadata": { "labels": { "touched": "yes" } } });
        let (namespace, name) = ("kube-system", "kube-controller-manager");
        let touched = cluster.client();
        let touched = touched.strategic_patch::<Lease>(namespace, name, &labels);
        let touched = touched.await.expect("the lease is there");
        let renewed = |lease: &Lease| lease.spec.as_ref()?.renew_time.clone();
        cluster
            .until::<Lease>("a renewal", |leases| {
                leases.iter().any(|lease| {
                    lease.metadata.name == touched.metadata.name
                        && renewed(lease) > renewed(&touched)
                })
            })
            .await;
        let leases: Vec<Arc<Lease>> = cluster.list().await;
        assert_eq!(holder(&leases), leader);
        assert!(leases.iter().any(|lease| lease.metadata.labels.is_some()));
    });
}
