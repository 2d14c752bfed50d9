use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::{Candidate, rank};
use crate::eviction::usage::Usage;

fn candidate(name: &str, priority: i32, requested: i64, used: Option<i64>) -> Candidate {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "name": name },
        "spec": {
            "priority": priority,
            "containers": [{
                "name": "main",
                "resources": { "requests": {
                    "memory": requested.to_string(), "ephemeral-storage": requested.to_string(),
                } },
            }],
        },
    }))
    .unwrap();
    Candidate {
        pod: Arc::new(pod),
        usage: used.map(|used| Usage {
            memory: used,
            disk: used,
            inodes: used,
            processes: used,
            containers: Vec::new(),
        }),
    }
}

fn order(mut candidates: Vec<Candidate>, resource: &str) -> Vec<String> {
    rank(&mut candidates, resource);
    let name = |it: &Candidate| it.pod.metadata.name.clone().unwrap();
    candidates.iter().map(name).collect()
}

#[test]
fn whoever_uses_more_than_asked_for_goes_before_the_less_important() {
    let candidates = vec![
        candidate("modest", 0, 100, Some(90)),
        candidate("greedy", 1000, 100, Some(110)),
    ];
    assert_eq!(order(candidates, "memory"), ["greedy", "modest"]);
}

#[test]
fn among_equals_the_less_important_goes_first() {
    let candidates = vec![
        candidate("important", 10, 100, Some(900)),
        candidate("usual", 0, 100, Some(110)),
    ];
    assert_eq!(order(candidates, "memory"), ["usual", "important"]);
}

#[test]
fn then_the_one_furthest_above_what_it_asked_for() {
    let candidates = vec![
        candidate("large", 0, 1000, Some(1010)),
        candidate("small", 0, 10, Some(100)),
    ];
    assert_eq!(order(candidates, "ephemeral-storage"), ["small", "large"]);
}

#[test]
fn whoever_nothing_is_known_of_goes_before_all() {
    let candidates = vec![
        candidate("known", -10, 0, Some(100)),
        candidate("unknown", 10, 0, None),
    ];
    assert_eq!(order(candidates, "memory"), ["unknown", "known"]);
}

#[test]
fn processes_are_asked_for_by_nobody() {
    let candidates = vec![
        candidate("few", 0, 1000, Some(3)),
        candidate("many", 0, 0, Some(500)),
        candidate("important", 5, 0, Some(5000)),
    ];
    assert_eq!(order(candidates, "pids"), ["many", "few", "important"]);
}
