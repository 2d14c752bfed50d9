use serde_json::{Value, json};

use super::choose;
use crate::cycle;
use crate::plugins;
use crate::testing::{pod, snapshot};

fn spec(cpu: &str, priority: i32) -> Value {
    json!({
        "priority": priority,
        "containers": [{ "name": "c", "resources": { "requests": { "cpu": cpu } } }],
    })
}

#[test]
fn as_little_as_possible_goes() {
    let mut snapshot = snapshot(&["a", "b"]);
    snapshot.place(&pod("big", &spec("1", 5)), "a");
    snapshot.place(&pod("small", &spec("500m", 1)), "a");
    snapshot.place(&pod("equal", &spec("2", 10)), "b");
    let plugins = plugins::default(None);
    let incoming = pod("p", &spec("1", 10));
    let diagnosis = cycle::choose(&plugins, &incoming, &snapshot, 0).expect_err("full");
    let candidate = choose(&plugins, &incoming, &mut snapshot, &diagnosis).expect("one");
    assert_eq!(candidate.node, "a");
    let victims: Vec<&str> = candidate.victims.iter().map(|v| v.uid.as_str()).collect();
    assert_eq!(victims, ["small"]);
    assert!(snapshot.is_placed("small") && snapshot.is_placed("big"));
    assert_eq!(
        snapshot.node("a").map(|node| node.requested.get("cpu")),
        Some(1500)
    );
}

#[test]
fn nobody_goes_for_nothing() {
    let mut snapshot = snapshot(&["a"]);
    snapshot.place(&pod("small", &spec("500m", 1)), "a");
    let plugins = plugins::default(None);
    let incoming = pod("p", &spec("8", 10));
    let diagnosis = cycle::choose(&plugins, &incoming, &snapshot, 0).expect_err("too big");
    assert!(choose(&plugins, &incoming, &mut snapshot, &diagnosis).is_none());
    assert!(snapshot.is_placed("small"));
}
