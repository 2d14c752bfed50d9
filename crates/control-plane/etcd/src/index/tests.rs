use super::*;

fn put(index: &mut Index, key: &'static str, value: &'static str) -> Revision {
    let revision = index.revision() + 1;
    let previous = index.get(key.as_bytes(), revision).cloned();
    let key_value = KeyValue {
        key: Bytes::from_static(key.as_bytes()),
        value: Bytes::from_static(value.as_bytes()),
        create_revision: previous
            .as_ref()
            .map_or(revision, |old| old.create_revision),
        mod_revision: revision,
        version: previous.map_or(1, |old| old.version + 1),
        lease: 0,
    };
    index.apply(revision, &[Change::Put(key_value)]);
    revision
}

fn delete(index: &mut Index, key: &'static str) -> Revision {
    let revision = index.revision() + 1;
    index.apply(
        revision,
        &[Change::Delete(Bytes::from_static(key.as_bytes()))],
    );
    revision
}

fn value(index: &Index, key: &str, at: Revision) -> Option<Bytes> {
    index
        .get(key.as_bytes(), at)
        .map(|key_value| key_value.value.clone())
}

#[test]
fn the_past_can_be_read_until_it_is_compacted() {
    let mut index = Index::default();
    let first = put(&mut index, "a", "1");
    let second = put(&mut index, "a", "2");
    let third = delete(&mut index, "a");
    assert_eq!(value(&index, "a", first).unwrap(), "1");
    assert_eq!(value(&index, "a", second).unwrap(), "2");
    assert_eq!(value(&index, "a", third), None);
    index.compact(second);
    assert_eq!(value(&index, "a", second).unwrap(), "2");
    index.compact(third);
    assert!(index.keys.is_empty());
}

#[test]
fn a_range_ends_before_its_end() {
    let mut index = Index::default();
    for key in ["a", "b", "c"] {
        put(&mut index, key, "x");
    }
    let at = index.revision();
    let keys = |start: &str, end: &str| {
        let found = index.range(start.as_bytes(), end.as_bytes(), at);
        found
            .map(|key_value| key_value.key.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys("a", "c"), ["a", "b"]);
    assert_eq!(keys("b", "\0"), ["b", "c"]);
    assert!(keys("c", "a").is_empty());
}

#[test]
fn changes_start_where_they_are_asked_for() {
    let mut index = Index::default();
    put(&mut index, "a", "1");
    let second = put(&mut index, "b", "2");
    let third = delete(&mut index, "a");
    let changes: Vec<_> = index.changes(second, third).collect();
    assert_eq!(changes.len(), 2);
    assert_eq!(changes[1].0, third);
    assert_eq!(changes[1].1[0].kind, EventKind::Delete);
    assert_eq!(changes[1].1[0].previous.as_ref().unwrap().value, "1");
    index.compact(second);
    assert_eq!(index.changes(third, third).count(), 1);
}
