use std::sync::Arc;

use bytes::Bytes;

use super::{Chunk, Entry, Run};

fn entry(name: &str, revision: i64) -> Arc<Entry> {
    let json = format!(r#"{{"kind":"A","apiVersion":"v1","metadata":{{"name":"{name}"}}}}"#);
    Arc::new(Entry::new(name, Bytes::from(json), revision).expect("canonical"))
}

fn chunk() -> Arc<Chunk> {
    let names = ["a", "b", "c", "d", "e"];
    Arc::new(Chunk::new(
        names.iter().map(|name| entry(name, 7)).collect(),
    ))
}

/// What [`Run::shared_json`] must be.
fn items(run: &Run) -> String {
    let item = |entry: &Arc<Entry>| {
        let mut out = Vec::new();
        entry.write_item(&mut out);
        String::from_utf8(out).expect("JSON")
    };
    let all: Vec<String> = run.entries().iter().map(item).collect();
    all.join(",")
}

#[test]
fn any_part_of_a_chunk_is_cut_out_of_what_is_shared() {
    let chunk = chunk();
    Run::new(&chunk, 0..5).shared_json().expect("all of it");
    for start in 0..5 {
        for end in start + 1..=5 {
            let run = Run::new(&chunk, start..end);
            let shared = run.shared_json().expect("it is kept");
            assert_eq!(shared, items(&run).as_bytes(), "{start}..{end}");
        }
    }
}

#[test]
fn a_small_part_is_not_worth_encoding_the_chunk() {
    let chunk = chunk();
    assert_eq!(Run::new(&chunk, 1..3).shared_json(), None);
    assert!(Run::new(&chunk, 1..4).shared_json().is_some());
}

#[test]
fn all_lists_get_the_same_bytes() {
    let chunk = chunk();
    let first = Run::new(&chunk, 0..5).shared_json().expect("made");
    let second = Run::new(&chunk, 0..5).shared_json().expect("kept");
    assert_eq!(first.as_ptr(), second.as_ptr());
}

#[test]
fn a_change_voids_what_was_encoded() {
    let mut chunk = chunk();
    Run::new(&chunk, 0..5).shared_json().expect("made");
    let alone = Arc::get_mut(&mut chunk).expect("nobody else holds it");
    alone.entries_mut()[1] = entry("b", 8);
    let run = Run::new(&chunk, 0..5);
    let shared = run.shared_json().expect("made anew");
    assert_eq!(shared, items(&run).as_bytes());
    assert!(items(&run).contains("\"8\""));
}

#[test]
fn a_filter_leaves_the_neighbours_together() {
    let parts = Run::new(&chunk(), 0..5).filter(|entry| entry.name() != "c");
    let lens: Vec<usize> = parts.iter().map(Run::len).collect();
    assert_eq!(lens, [2, 2]);
    assert_eq!(parts[1].entries()[0].name(), "d");
}

#[test]
fn a_run_splits_where_it_is_told_to() {
    let (head, rest) = Run::new(&chunk(), 1..5).split(3);
    assert_eq!((head.len(), rest.len()), (3, 1));
    let (head, rest) = rest.split(3);
    assert_eq!((head.len(), rest.len()), (1, 0));
}
