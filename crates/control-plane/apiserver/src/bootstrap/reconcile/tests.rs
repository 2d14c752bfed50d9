use serde_json::json;

use super::*;

fn role(verbs: &[&str], autoupdate: &str) -> Value {
    let rules = json!([{"verbs": verbs, "apiGroups": [""], "resources": ["pods"]}]);
    let metadata = json!({"name": "x", "annotations": {POLICY: autoupdate}});
    json!({"metadata": metadata, "rules": rules})
}

#[test]
fn a_role_gets_the_rules_that_it_lacks_and_keeps_its_own() {
    let new = completed(&role(&["get"], "true"), &role(&["get", "list"], "true")).unwrap();
    assert_eq!(new["rules"].as_array().unwrap().len(), 2);
    assert_eq!(
        completed(&role(&["get", "list"], "true"), &role(&["get"], "true")),
        None
    );
}

#[test]
fn an_annotation_keeps_a_role_as_it_is() {
    assert_eq!(
        completed(&role(&["get"], "false"), &role(&["list"], "true")),
        None
    );
}

#[test]
fn a_binding_gets_the_subjects_that_it_lacks() {
    let binding = |names: &[&str]| {
        let subject = |name: &&str| json!({"kind": "User", "name": name});
        let subjects: Vec<Value> = names.iter().map(subject).collect();
        json!({"metadata": {"annotations": {POLICY: "true"}}, "subjects": subjects})
    };
    let new = completed(&binding(&["a"]), &binding(&["b"])).unwrap();
    assert_eq!(new["subjects"], binding(&["a", "b"])["subjects"]);
    assert_eq!(completed(&binding(&["a", "b"]), &binding(&["b"])), None);
}

#[test]
fn flow_control_follows_its_newer_specification() {
    let schema = |precedence: i32| json!({"metadata": {"annotations": {FLOW: "true"}}, "spec": {"precedence": precedence}});
    assert_eq!(completed(&schema(1), &schema(2)), Some(schema(2)));
    assert_eq!(completed(&schema(1), &schema(1)), None);
}
