use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Store;
use crate::Change;

fn map(uid: &str, version: &str) -> Arc<ConfigMap> {
    Arc::new(ConfigMap {
        metadata: ObjectMeta {
            name: Some("a".into()),
            uid: Some(uid.into()),
            resource_version: Some(version.into()),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    })
}

fn uid(object: &ConfigMap) -> &str {
    object.metadata.uid.as_deref().unwrap()
}

#[test]
fn merges_changes_of_one_object_while_the_listener_is_busy() {
    let store = Store::new();
    let mut changes = store.subscribe();
    store.apply(&map("u", "1"));
    store.apply(&map("u", "2"));
    let Some(Change::Applied { old: None, new }) = changes.try_next() else {
        panic!("one change");
    };
    assert_eq!(new.metadata.resource_version.as_deref(), Some("2"));
    assert!(changes.try_next().is_none());
}

#[test]
fn tells_of_the_end_of_one_object_before_the_start_of_the_next_of_its_name() {
    let store = Store::new();
    store.apply(&map("first", "1"));
    let mut changes = store.subscribe();
    changes.try_next();
    store.remove(map("first", "2"));
    store.apply(&map("second", "3"));
    let Some(Change::Deleted(gone)) = changes.try_next() else {
        panic!("the first is gone");
    };
    let Some(Change::Applied { old: None, new }) = changes.try_next() else {
        panic!("the second is there");
    };
    assert_eq!((uid(&gone), uid(&new)), ("first", "second"));
}

#[test]
fn says_nothing_of_what_came_and_went_unseen() {
    let store = Store::new();
    let mut changes = store.subscribe();
    store.apply(&map("u", "1"));
    store.remove(map("u", "2"));
    assert!(changes.try_next().is_none());
}

#[test]
fn does_not_go_back_to_an_earlier_state() {
    let store = Store::new();
    store.apply(&map("u", "10"));
    store.apply(&map("u", "9"));
    assert_eq!(
        store.list()[0].metadata.resource_version.as_deref(),
        Some("10")
    );
}

#[test]
fn keeps_indexes_current() {
    let store = Store::new();
    store.apply(&map("u", "1"));
    store.index("uid", |object: &ConfigMap| vec![uid(object).to_owned()]);
    store.remove(map("u", "2"));
    store.apply(&map("v", "3"));
    assert!(store.indexed("uid", "u").is_empty());
    assert_eq!(store.indexed("uid", "v").len(), 1);
}

#[test]
fn tells_of_what_is_missing_in_a_new_list() {
    let store = Store::new();
    store.apply(&map("u", "1"));
    let mut changes = store.subscribe();
    changes.try_next();
    store.replace(Vec::new());
    assert!(matches!(changes.try_next(), Some(Change::Deleted(gone)) if uid(&gone) == "u"));
    assert!(matches!(changes.try_next(), Some(Change::Synced)));
}
