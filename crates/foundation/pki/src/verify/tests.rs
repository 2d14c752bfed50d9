use super::*;
use crate::authority::{Authority, Profile};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn chain(pem: &str) -> Vec<Vec<u8>> {
    let certificates = tls::certificates(pem).unwrap();
    certificates.iter().map(|der| der.to_vec()).collect()
}

#[test]
fn a_chain_that_is_remembered_is_still_held_to_its_dates() {
    let begin = at("2026-06-01T00:00:00Z");
    let authority = Authority::generate("kubernetes", begin).unwrap();
    let pair = authority
        .issue(&Profile::client("jane", None), begin)
        .unwrap();
    let authorities = ClientAuthorities::from_pem(authority.certificate_pem()).unwrap();
    let chain = chain(&pair.certificate_pem);
    for _ in 0..2 {
        let identity = authorities.verify(&chain, begin).unwrap();
        assert_eq!(identity.common_name, "jane");
    }
    assert_eq!(authorities.known().len(), 1);
    assert!(
        authorities
            .verify(&chain, at("2025-01-01T00:00:00Z"))
            .is_err()
    );
    assert!(
        authorities
            .verify(&chain, at("2028-01-01T00:00:00Z"))
            .is_err()
    );
    assert!(authorities.verify(&chain, begin).is_ok());
}

#[test]
fn nothing_is_remembered_of_what_was_refused() {
    let begin = at("2026-06-01T00:00:00Z");
    let authority = Authority::generate("kubernetes", begin).unwrap();
    let pair = authority
        .issue(&Profile::client("jane", None), begin)
        .unwrap();
    let authorities = ClientAuthorities::from_pem(authority.certificate_pem()).unwrap();
    let mut chain = chain(&pair.certificate_pem);
    authorities.verify(&chain, begin).unwrap();
    // The last bytes are the signature's.
    *chain[0].last_mut().unwrap() ^= 1;
    for _ in 0..2 {
        assert!(authorities.verify(&chain, begin).is_err());
    }
    assert_eq!(authorities.known().len(), 1);
}

#[test]
fn chains_are_told_apart_by_where_certificates_end() {
    let split =
        |bytes: &[&[u8]]| digest_of(&bytes.iter().map(|it| it.to_vec()).collect::<Vec<_>>());
    assert_ne!(split(&[b"ab", b"c"]), split(&[b"a", b"bc"]));
}
