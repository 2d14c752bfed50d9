use serde_json::{Value, json};

use crate::cycle::choose;
use crate::plugins;
use crate::testing::{labelled, snapshot};

fn term() -> Value {
    json!({
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": { "matchLabels": { "app": "x" } },
    })
}

fn required(kind: &str) -> Value {
    json!({ "affinity": { kind: {
        "requiredDuringSchedulingIgnoredDuringExecution": [term()],
    } } })
}

#[test]
fn apart_means_one_a_node() {
    let mut snapshot = snapshot(&["a", "b"]);
    let plugins = plugins::default(None);
    let labels = json!({ "app": "x" });
    for name in ["p", "q"] {
        let pod = labelled(name, &labels, &required("podAntiAffinity"));
        let chosen = choose(&plugins, &pod, &snapshot, 0).expect("fits");
        snapshot.place(&pod, &chosen);
    }
    let third = labelled("r", &labels, &required("podAntiAffinity"));
    let diagnosis = choose(&plugins, &third, &snapshot, 0).expect_err("no node is left");
    let reason = "node(s) didn't match pod anti-affinity rules";
    assert_eq!(diagnosis.reasons.get(reason), Some(&2));
    let plain = labelled("s", &labels, &json!({}));
    let diagnosis = choose(&plugins, &plain, &snapshot, 0).expect_err("they want to be alone");
    let reason = "node(s) didn't satisfy existing pods anti-affinity rules";
    assert_eq!(diagnosis.reasons.get(reason), Some(&2));
}

#[test]
fn together_means_where_the_first_went() {
    let mut snapshot = snapshot(&["a", "b", "c"]);
    let plugins = plugins::default(None);
    let labels = json!({ "app": "x" });
    let first = labelled("p", &labels, &required("podAffinity"));
    let chosen = choose(&plugins, &first, &snapshot, 1).expect("the first may go anywhere");
    snapshot.place(&first, &chosen);
    let second = labelled("q", &labels, &required("podAffinity"));
    assert_eq!(choose(&plugins, &second, &snapshot, 0), Ok(chosen));
}

#[test]
fn a_wish_decides_between_equals() {
    let mut snapshot = snapshot(&["a", "b"]);
    let plugins = plugins::default(None);
    let labels = json!({ "app": "x" });
    snapshot.place(&labelled("p", &labels, &json!({})), "a");
    let wish = json!({ "weight": 100, "podAffinityTerm": term() });
    let spec = json!({ "affinity": { "podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [wish],
    } } });
    let pod = labelled("q", &labels, &spec);
    assert_eq!(choose(&plugins, &pod, &snapshot, 0).as_deref(), Ok("b"));
}
