use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::{Entry, Snapshot};

fn entry(key: &str, revision: i64) -> Arc<Entry> {
    let name = key.rsplit('/').next().expect("never empty");
    let json = format!(r#"{{"kind":"A","apiVersion":"v1","metadata":{{"name":"{name}"}}}}"#);
    Arc::new(Entry::new(key, Bytes::from(json), revision).expect("canonical"))
}

#[test]
fn agrees_with_a_map_over_many_writes() {
    let mut snapshot = Snapshot::default();
    let mut model = BTreeMap::new();
    let mut seed = 7_u64;
    for revision in 1..20_000 {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let key = format!("ns{}/o{:04}", seed >> 60, (seed >> 20) % 1500);
        if (seed >> 50).is_multiple_of(3) {
            assert_eq!(
                snapshot.remove(&key).is_some(),
                model.remove(&key).is_some()
            );
        } else {
            let old = snapshot
                .insert(entry(&key, revision))
                .map(|it| it.revision());
            assert_eq!(old, model.insert(key, revision));
        }
    }
    assert_eq!(snapshot.len(), model.len());
    let all: Vec<_> = snapshot
        .iter()
        .map(|it| (it.key().to_owned(), it.revision()))
        .collect();
    assert_eq!(all, model.clone().into_iter().collect::<Vec<_>>());
    let some: Vec<_> = snapshot
        .range("ns3/", "ns3/o0700")
        .map(|it| it.key().to_owned())
        .collect();
    let wanted: Vec<_> = model
        .keys()
        .filter(|key| key.starts_with("ns3/") && key.as_str() >= "ns3/o0700")
        .cloned()
        .collect();
    assert_eq!(some, wanted);
    let runs: Vec<_> = snapshot.runs("ns3/", "ns3/o0700").collect();
    let by_run: Vec<_> = runs
        .iter()
        .flat_map(|run| run.entries().iter().map(|it| it.key().to_owned()))
        .collect();
    assert_eq!(by_run, wanted);
    assert_eq!(snapshot.runs("ns3/zz", "").count(), 0);
    let everything: usize = snapshot.runs("", "").map(|run| run.len()).sum();
    assert_eq!(everything, model.len());
}

#[test]
fn a_copy_does_not_change_with_later_writes() {
    let mut snapshot = Snapshot::default();
    snapshot.insert(entry("a", 1));
    let copy = snapshot.clone();
    snapshot.insert(entry("a", 2));
    snapshot.remove("a");
    assert_eq!(copy.get("a").map(|it| it.revision()), Some(1));
    assert!(snapshot.is_empty());
}
