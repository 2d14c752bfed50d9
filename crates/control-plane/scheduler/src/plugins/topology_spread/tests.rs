use serde_json::json;

use crate::cycle::choose;
use crate::plugins;
use crate::snapshot::Snapshot;
use crate::testing::{labelled, node};

#[test]
fn zones_stay_within_the_skew() {
    let mut snapshot = Snapshot::default();
    for (name, zone) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
        snapshot.set_node(node(name, &json!({ "zone": zone }), &json!({})));
    }
    snapshot.set_node(node("nowhere", &json!({}), &json!({})));
    let spec = json!({ "topologySpreadConstraints": [{
        "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": { "matchLabels": { "app": "x" } },
    }] });
    let labels = json!({ "app": "x" });
    let plugins = plugins::default(None);
    let mut zones = Vec::new();
    for name in ["p", "q", "r", "s"] {
        let pod = labelled(name, &labels, &spec);
        let chosen = choose(&plugins, &pod, &snapshot, 0).expect("fits");
        zones.push(chosen[..1].to_owned());
        snapshot.place(&pod, &chosen);
    }
    zones.sort();
    assert_eq!(zones, ["a", "a", "b", "b"]);
    snapshot.remove_node("a1");
    snapshot.remove_node("a2");
    let text = choose(&plugins, &labelled("t", &labels, &spec), &snapshot, 0);
    assert_eq!(
        text.as_deref(),
        Ok("b1"),
        "a zone without nodes does not count"
    );
}
