use super::*;

#[test]
fn equal_entries_stay_in_the_order_of_their_keys_when_the_sort_descends() {
    let entry = |key: &'static str, version| KeyValue {
        key: Bytes::from_static(key.as_bytes()),
        version,
        ..KeyValue::default()
    };
    let range = RangeOp {
        target: SortTarget::Version,
        order: SortOrder::Descend,
        ..RangeOp::default()
    };
    let found = select(vec![entry("a", 1), entry("b", 2), entry("c", 1)], &range);
    let keys: Vec<_> = found.entries.iter().map(|entry| &entry.key[..]).collect();
    assert_eq!(keys, [b"b", b"a", b"c"]);
}
