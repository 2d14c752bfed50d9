use super::*;
use crate::verify::ClientAuthorities;
use crate::{csr, tls};

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn chain(pem: &str) -> Vec<Vec<u8>> {
    tls::certificates(pem)
        .unwrap()
        .iter()
        .map(|der| der.to_vec())
        .collect()
}

#[test]
fn a_client_is_known_by_name_and_group() {
    let authority = Authority::generate("kubernetes", now()).unwrap();
    let profile = Profile::client("jane", Some("admins"));
    let pair = authority.issue(&profile, now()).unwrap();
    let authorities = ClientAuthorities::from_pem(authority.certificate_pem()).unwrap();
    let identity = authorities
        .verify(&chain(&pair.certificate_pem), now())
        .unwrap();
    assert_eq!(
        (identity.common_name.as_str(), identity.organizations),
        ("jane", vec!["admins".into()])
    );
}

#[test]
fn an_authority_that_was_read_again_issues_for_the_same_trust() {
    let first = Authority::generate("kubernetes", now()).unwrap();
    let again = Authority::from_pem(first.certificate_pem(), &first.key_pem()).unwrap();
    let pair = again.issue(&Profile::client("jane", None), now()).unwrap();
    let authorities = ClientAuthorities::from_pem(first.certificate_pem()).unwrap();
    assert!(
        authorities
            .verify(&chain(&pair.certificate_pem), now())
            .is_ok()
    );
}

#[test]
fn neither_strangers_nor_servers_nor_the_expired_are_clients() {
    let authority = Authority::generate("kubernetes", now()).unwrap();
    let stranger = Authority::generate("kubernetes", now()).unwrap();
    let authorities = ClientAuthorities::from_pem(authority.certificate_pem()).unwrap();
    let check = |pair: &KeyPair, at: &str| {
        authorities
            .verify(&chain(&pair.certificate_pem), at.parse().unwrap())
            .is_ok()
    };
    let client = Profile::client("jane", None);
    let good = authority.issue(&client, now()).unwrap();
    assert!(check(&good, "2026-12-01T00:00:00Z"));
    assert!(!check(&good, "2028-01-01T00:00:00Z"));
    assert!(!check(
        &stranger.issue(&client, now()).unwrap(),
        "2026-12-01T00:00:00Z"
    ));
    let server = authority
        .issue(&Profile::server("web", &["web"], &[]), now())
        .unwrap();
    assert!(!check(&server, "2026-12-01T00:00:00Z"));
}

#[test]
fn a_request_becomes_a_certificate_of_the_same_subject() {
    let authority = Authority::generate("kubernetes", now()).unwrap();
    let profile = Profile::client("system:node:a", Some("system:nodes"));
    let request = csr::create(&profile).unwrap();
    let subject = csr::subject(&request.request_pem).unwrap();
    assert_eq!(subject.common_name, "system:node:a");
    assert_eq!(subject.organizations, ["system:nodes"]);
    let usages = ["digital signature".to_owned(), "client auth".to_owned()];
    let hour = Duration::from_secs(3600);
    let pem = authority
        .sign_request(&request.request_pem, &usages, (now(), hour))
        .unwrap();
    let authorities = ClientAuthorities::from_pem(authority.certificate_pem()).unwrap();
    let identity = authorities.verify(&chain(&pem), now()).unwrap();
    assert_eq!(identity.common_name, "system:node:a");
}
