use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::{Attachable, exceeds, limits};

fn volumes(handles: &[&str]) -> BTreeSet<Attachable> {
    let named = handles
        .iter()
        .map(|handle| ("disk".to_owned(), (*handle).to_owned()));
    named.collect()
}

#[test]
fn a_volume_that_is_there_already_takes_no_room() {
    let limits = [("disk".to_owned(), 2)].into();
    let attached = volumes(&["a", "b"]);
    assert!(!exceeds(&limits, &attached, &volumes(&["b"])));
    assert!(exceeds(&limits, &attached, &volumes(&["b", "c"])));
    assert!(!exceeds(&limits, &volumes(&["a"]), &volumes(&["c"])));
}

#[test]
fn a_driver_without_a_limit_takes_any_number() {
    let node = json!({ "metadata": { "name": "n" }, "spec": { "drivers": [
        { "name": "disk", "nodeID": "n", "allocatable": { "count": 3 } },
        { "name": "share", "nodeID": "n" },
    ] } });
    let node = serde_json::from_value(node).expect("a node");
    assert_eq!(
        limits(Some(Arc::new(node))),
        [("disk".to_owned(), 3)].into()
    );
    assert!(limits(None).is_empty());
}
