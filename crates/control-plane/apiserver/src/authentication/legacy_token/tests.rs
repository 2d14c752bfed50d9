use serde_json::json;

use super::*;

#[test]
fn a_token_must_name_everything_and_agree_with_its_subject() {
    let claims = json!({
        "sub": "system:serviceaccount:a:bot",
        "kubernetes.io/serviceaccount/namespace": "a",
        "kubernetes.io/serviceaccount/service-account.name": "bot",
        "kubernetes.io/serviceaccount/service-account.uid": "1",
        "kubernetes.io/serviceaccount/secret.name": "bot-token",
    });
    let named = Named::read(&claims).unwrap();
    assert_eq!(
        (named.account.as_str(), named.secret.as_str()),
        ("bot", "bot-token")
    );
    let mut other = claims.clone();
    other["sub"] = "system:serviceaccount:a:root".into();
    assert_eq!(
        Named::read(&other).unwrap_err().to_string(),
        "sub claim is invalid"
    );
    let mut less = claims;
    less["kubernetes.io/serviceaccount/secret.name"] = "".into();
    assert_eq!(
        Named::read(&less).unwrap_err().to_string(),
        "secret.name claim is missing"
    );
}
