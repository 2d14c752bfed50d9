use serde_json::json;

use super::Selector;

fn check(selector: &str, labels: &serde_json::Value) -> bool {
    Selector::parse(selector)
        .unwrap()
        .matches(labels.as_object())
}

#[test]
fn every_comparison_must_hold() {
    assert!(check("a=b,c!=d", &json!({"a": "b"})));
    assert!(!check("a=b,c!=d", &json!({"a": "b", "c": "d"})));
    assert!(check("", &json!({})));
}

#[test]
fn sets_and_presence() {
    assert!(check("a in (x, y),!b", &json!({"a": "y"})));
    assert!(check("a notin (x,y)", &json!({})));
    assert!(check("a", &json!({"a": ""})));
    assert!(!check("!a", &json!({"a": ""})));
    assert!(check("n>3", &json!({"n": "4"})));
}

#[test]
fn says_what_it_expected() {
    let error = Selector::parse("a=b=c").unwrap_err().to_string();
    assert_eq!(error, "found '=', expected: ',' or 'end of string'");
}

#[test]
fn an_absent_object_selects_nothing_and_an_empty_one_everything() {
    assert!(!Selector::from_value(&json!(null)).unwrap().matches(None));
    assert!(Selector::from_value(&json!({})).unwrap().matches(None));
}
