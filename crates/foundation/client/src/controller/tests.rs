use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::{Key, owners};
use crate::Change;

fn pod(owner: &str) -> Arc<Pod> {
    let owner = OwnerReference {
        api_version: "apps/v1".into(),
        kind: "ReplicaSet".into(),
        name: owner.into(),
        controller: Some(true),
        ..OwnerReference::default()
    };
    Arc::new(Pod {
        metadata: ObjectMeta {
            name: Some("pod".into()),
            namespace: Some("default".into()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        ..Pod::default()
    })
}

#[test]
fn a_change_of_owner_concerns_both() {
    let change = Change::Applied {
        old: Some(pod("a")),
        new: pod("b"),
    };
    let keys = owners(&change, ("apps", "ReplicaSet"));
    assert_eq!(keys, [Key::new("default", "b"), Key::new("default", "a")]);
}

#[test]
fn an_owner_of_another_kind_is_not_ours() {
    let change = Change::Deleted(pod("a"));
    assert_eq!(owners(&change, ("apps", "StatefulSet")), []);
}
