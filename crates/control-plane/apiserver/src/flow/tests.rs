use serde_json::json;

use super::{Schema, User};
use crate::request::RequestInfo;

fn schema(rule: &serde_json::Value) -> Schema {
    let rules = json!([rule]);
    let text = String::new;
    Schema {
        precedence: 1,
        name: text(),
        uid: text(),
        level: text(),
        rules,
    }
}

#[test]
fn matches_by_subject_and_resource() {
    let schema = schema(&json!({
        "subjects": [{ "kind": "Group", "group": { "name": "g" } }],
        "resourceRules": [{
            "verbs": ["list"], "apiGroups": ["*"], "resources": ["pods"], "namespaces": ["*"],
        }],
    }));
    let user = User {
        groups: vec!["g".to_owned()],
        ..User::default()
    };
    let info = |verb: &str, namespace: &str| RequestInfo {
        verb: verb.to_owned(),
        is_resource: true,
        resource: "pods".to_owned(),
        namespace: namespace.to_owned(),
        ..RequestInfo::default()
    };
    assert!(schema.matches(&user, &info("list", "default")));
    assert!(!schema.matches(&user, &info("get", "default")));
    assert!(
        !schema.matches(&user, &info("list", "")),
        "the rule says nothing of the cluster"
    );
    assert!(!schema.matches(&User::default(), &info("list", "default")));
}

#[test]
fn matches_paths_by_prefix() {
    let schema = schema(&json!({
        "subjects": [{ "kind": "User", "user": { "name": "*" } }],
        "nonResourceRules": [{ "verbs": ["get"], "nonResourceURLs": ["/healthz", "/apis/*"] }],
    }));
    let info = |path: &str| RequestInfo {
        verb: "get".to_owned(),
        path: path.to_owned(),
        ..RequestInfo::default()
    };
    assert!(schema.matches(&User::default(), &info("/healthz")));
    assert!(schema.matches(&User::default(), &info("/apis/apps")));
    assert!(!schema.matches(&User::default(), &info("/version")));
}
