use std::sync::Arc;

use bytes::Bytes;
use styr_base::SteppedClock;

use super::{Cache, ChangeKind, Entry, RING_MAX, Write};

fn put(name: &str, revision: i64) -> Write {
    let json = format!(r#"{{"kind":"A","apiVersion":"v1","metadata":{{"name":"{name}"}}}}"#);
    Write::Put(Arc::new(
        Entry::new(name, Bytes::from(json), revision).expect("canonical"),
    ))
}

fn cache() -> Cache {
    let cache = Cache::new(SteppedClock::shared());
    cache.fill(Vec::new(), 10);
    cache
}

#[test]
fn tells_changes_in_order_from_a_revision() {
    let cache = cache();
    cache.apply(vec![put("a", 11), put("b", 12), put("a", 13)]);
    cache.apply(vec![Write::Delete {
        key: "b".to_owned(),
        revision: 14,
    }]);
    let mut cursor = cache.cursor_behind(11).expect("known");
    let batch = cache.advance(&mut cursor).expect("known");
    let told: Vec<_> = batch
        .iter()
        .map(|it| (it.kind, it.entry.revision()))
        .collect();
    let wanted = [
        (ChangeKind::Added, 12),
        (ChangeKind::Modified, 13),
        (ChangeKind::Deleted, 14),
    ];
    assert_eq!(told, wanted);
    assert!(cache.advance(&mut cursor).expect("known").is_empty());
}

#[test]
fn refuses_revisions_before_it_was_filled() {
    assert_eq!(cache().cursor_behind(9).expect_err("unknown"), 10);
    assert!(cache().cursor_behind(10).is_ok());
}

#[test]
fn overtakes_a_slow_watcher() {
    let cache = cache();
    let mut cursor = cache.cursor_behind(10).expect("known");
    let count = i64::try_from(RING_MAX).expect("small") + 1;
    for revision in 11..11 + count {
        cache.apply(vec![put("a", revision)]);
    }
    assert!(cache.advance(&mut cursor).is_err());
    assert_eq!(cache.cursor_behind(10).expect_err("passed"), 11);
}

#[test]
fn voids_cursors_when_filled_anew() {
    let cache = cache();
    let mut cursor = cache.cursor_behind(10).expect("known");
    cache.fill(Vec::new(), 20);
    assert!(cache.advance(&mut cursor).is_err());
}
