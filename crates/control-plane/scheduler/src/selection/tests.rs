use k8s_openapi::api::core::v1::{NodeSelector, Taint, Toleration};
use serde_json::{Value, json};

use super::{Labels, selects, tolerates};

fn is_selected(selector: Value) -> bool {
    let selector: NodeSelector = serde_json::from_value(selector).expect("a selector");
    let labels: Labels = [("zone".into(), "a".into()), ("size".into(), "4".into())].into();
    selects(&selector, ("n1", &labels))
}

#[test]
fn one_term_suffices_and_all_of_it_must_hold() {
    let expression =
        |op: &str, values: Value| json!({ "key": "zone", "operator": op, "values": values });
    let both = json!([
        expression("In", json!(["a"])),
        expression("NotIn", json!(["a"]))
    ]);
    assert!(!is_selected(
        json!({ "nodeSelectorTerms": [{ "matchExpressions": both }] })
    ));
    let name = json!({ "key": "metadata.name", "operator": "In", "values": ["n1"] });
    assert!(is_selected(json!({ "nodeSelectorTerms": [
        { "matchExpressions": both }, { "matchFields": [name] },
    ] })));
}

#[test]
fn numbers_compare_as_numbers() {
    let more = json!({ "key": "size", "operator": "Gt", "values": ["3"] });
    assert!(is_selected(
        json!({ "nodeSelectorTerms": [{ "matchExpressions": [more] }] })
    ));
}

#[test]
fn an_empty_term_selects_nothing() {
    assert!(!is_selected(json!({ "nodeSelectorTerms": [{}] })));
}

#[test]
fn a_toleration_without_key_covers_all() {
    let taint = Taint {
        key: "k".into(),
        value: Some("v".into()),
        effect: "NoSchedule".into(),
        ..Taint::default()
    };
    let read = |tree: Value| serde_json::from_value::<Toleration>(tree).expect("a toleration");
    assert!(tolerates(&read(json!({ "operator": "Exists" })), &taint));
    assert!(!tolerates(
        &read(json!({ "key": "k", "value": "w" })),
        &taint
    ));
    assert!(!tolerates(
        &read(json!({ "key": "k", "operator": "Exists", "effect": "NoExecute" })),
        &taint
    ));
}
