use super::*;

fn rule(value: &Value) -> Rule {
    Rule::read(value)
}

fn request(verb: &str, group: &str, resource: &str) -> Attributes {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    Attributes {
        verb: verb.into(),
        group: group.into(),
        resource: resource.into(),
        subresource: subresource.into(),
        is_resource: true,
        ..Attributes::default()
    }
}

#[test]
fn a_rule_for_a_resource_is_none_for_its_parts() {
    let pods = rule(&json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}));
    assert!(pods.allows(&request("get", "", "pods")));
    assert!(!pods.allows(&request("get", "", "pods/log")));
    assert!(!pods.allows(&request("list", "", "pods")));
    let scale = rule(&json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*/scale"]}));
    assert!(scale.allows(&request("update", "apps", "deployments/scale")));
    assert!(!scale.allows(&request("update", "apps", "deployments")));
}

#[test]
fn names_bind_a_rule() {
    let one = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"]});
    let mut wanted = request("get", "", "secrets");
    assert!(!rule(&one).allows(&wanted));
    wanted.name = "a".into();
    assert!(rule(&one).allows(&wanted));
}

#[test]
fn paths_may_end_in_a_star() {
    let rule = rule(&json!({"verbs": ["get"], "nonResourceURLs": ["/healthz", "/api/*"]}));
    let path = |path: &str| Attributes {
        verb: "get".into(),
        path: path.into(),
        ..Attributes::default()
    };
    assert!(rule.allows(&path("/healthz")));
    assert!(rule.allows(&path("/api/v1")));
    assert!(!rule.allows(&path("/healthz/ping")));
}

#[test]
fn a_wide_rule_covers_a_narrow_one_and_not_the_other_way_round() {
    let wide = rule(&json!({"verbs": ["*"], "apiGroups": [""], "resources": ["pods", "pods/*"]}));
    let narrow = rule(&json!({"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}));
    assert!(narrow.split().iter().all(|part| wide.covers(part)));
    assert!(!wide.split().iter().all(|part| narrow.covers(part)));
}
