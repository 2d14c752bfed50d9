use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use serde_json::{Value, json};

use super::{Contents, Missing, claims, is_for, missing, patch};

fn secret(annotations: &Value, data: &Value) -> Secret {
    let tree = json!({
        "metadata": {
            "namespace": "work", "name": "bot-token", "uid": "s", "resourceVersion": "7",
            "annotations": annotations,
        },
        "type": super::TYPE, "data": data,
    });
    serde_json::from_value(tree).unwrap()
}

fn account() -> ServiceAccount {
    let metadata = json!({ "namespace": "work", "name": "bot", "uid": "a" });
    serde_json::from_value(json!({ "metadata": metadata })).unwrap()
}

fn named() -> Value {
    json!({ "kubernetes.io/service-account.name": "bot" })
}

#[test]
fn an_empty_secret_gets_all() {
    let secret = secret(&named(), &json!({}));
    let lacks = missing(&secret, Some(b"ca"));
    let all = Missing {
        token: true,
        authority: true,
        namespace: true,
    };
    assert_eq!(lacks, all);
    let contents = Contents {
        token: Some("t".to_owned()),
        authority: Some(b"ca"),
    };
    let patch = patch(&secret, &account(), &contents);
    assert_eq!(
        patch["data"],
        json!({ "ca.crt": "Y2E=", "namespace": "d29yaw==", "token": "dA==" })
    );
    assert_eq!(patch["metadata"]["resourceVersion"], "7");
    let uid = &patch["metadata"]["annotations"]["kubernetes.io/service-account.uid"];
    assert_eq!(uid, "a");
}

#[test]
fn a_token_that_is_there_stays_when_the_authority_changes() {
    let data = json!({ "token": "dA==", "namespace": "d29yaw==", "ca.crt": "b2xk" });
    let lacks = missing(&secret(&named(), &data), Some(b"ca"));
    assert_eq!(
        (lacks.token, lacks.authority, lacks.namespace),
        (false, true, false)
    );
    assert!(missing(&secret(&named(), &data), None).is_nothing());
}

#[test]
fn an_account_of_the_same_name_made_later_is_another() {
    let mut annotations = named();
    assert!(is_for(&secret(&annotations, &json!({})), &account()));
    annotations["kubernetes.io/service-account.uid"] = json!("b");
    assert!(!is_for(&secret(&annotations, &json!({})), &account()));
}

#[test]
fn the_token_says_whose_it_is() {
    let claims = claims(&secret(&named(), &json!({})), &account());
    assert_eq!(claims["sub"], "system:serviceaccount:work:bot");
    assert_eq!(
        claims["kubernetes.io/serviceaccount/secret.name"],
        "bot-token"
    );
    assert_eq!(claims.get("exp"), None);
}
