use super::*;

#[test]
fn a_token_is_good_for_the_key_that_signed_it_and_no_other() {
    let (private, public) = generate().unwrap();
    let (_, other) = generate().unwrap();
    let claims = json!({"sub": "system:serviceaccount:default:default"});
    let token = Signer::from_pem(&private).unwrap().sign(&claims).unwrap();
    let mut verifier = Verifier::default();
    verifier.add_pem(&other).unwrap();
    assert!(verifier.verify(&token).is_err());
    verifier.add_pem(&public).unwrap();
    assert_eq!(verifier.verify(&token).unwrap(), claims);
}

#[test]
fn a_token_that_was_changed_is_refused() {
    let (private, public) = generate().unwrap();
    let token = Signer::from_pem(&private)
        .unwrap()
        .sign(&json!({"a": 1}))
        .unwrap();
    let mut verifier = Verifier::default();
    verifier.add_pem(&public).unwrap();
    let mut parts: Vec<&str> = token.split('.').collect();
    let forged = BASE64.encode(r#"{"a":2}"#);
    parts[1] = &forged;
    assert!(verifier.verify(&parts.join(".")).is_err());
    assert!(verifier.verify("a.b").is_err());
    assert!(verifier.verify("").is_err());
}

#[test]
fn private_and_public_key_have_the_same_id() {
    let (private, public) = generate().unwrap();
    let mut verifier = Verifier::default();
    verifier.add_pem(&public).unwrap();
    verifier.add_pem(&private).unwrap();
    let jwks = verifier.jwks();
    assert_eq!(jwks["keys"][0], jwks["keys"][1]);
    assert_eq!(jwks["keys"][0]["alg"], "ES256");
}
