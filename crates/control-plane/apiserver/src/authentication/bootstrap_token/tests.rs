use serde_json::json;

use super::*;

fn secret() -> Value {
    let data = |text: &str| BASE64_STANDARD.encode(text);
    json!({"metadata": {"name": "bootstrap-token-abcdef"}, "type": KIND, "data": {
        "token-id": data("abcdef"),
        "token-secret": data("0123456789abcdef"),
        "usage-bootstrap-authentication": data("true"),
        "expiration": data("2026-06-01T00:00:00Z"),
        "auth-extra-groups": data("system:bootstrappers:kubeadm:default-node-token"),
    }})
}

fn check(secret: &Value, token: &str, now: &str) -> Option<User> {
    user(secret, parse(token)?, now.parse().unwrap())
}

#[test]
fn a_good_token_is_a_bootstrapper() {
    let user = check(&secret(), "abcdef.0123456789abcdef", "2026-05-01T00:00:00Z").unwrap();
    assert_eq!(user.name, "system:bootstrap:abcdef");
    let groups = [
        "system:bootstrappers",
        "system:bootstrappers:kubeadm:default-node-token",
    ];
    assert_eq!(user.groups, groups);
}

#[test]
fn expired_wrong_or_unmeant_tokens_are_nobody() {
    let before = "2026-05-01T00:00:00Z";
    assert_eq!(
        check(&secret(), "abcdef.0123456789abcdef", "2026-06-01T00:00:00Z"),
        None
    );
    assert_eq!(check(&secret(), "abcdef.0123456789abcdee", before), None);
    assert_eq!(check(&secret(), "ABCDEF.0123456789abcdef", before), None);
    let mut unmeant = secret();
    unmeant["data"]["usage-bootstrap-authentication"] = "".into();
    assert_eq!(check(&unmeant, "abcdef.0123456789abcdef", before), None);
    let mut greedy = secret();
    greedy["data"]["auth-extra-groups"] = BASE64_STANDARD.encode("system:masters").into();
    assert_eq!(check(&greedy, "abcdef.0123456789abcdef", before), None);
}
