use std::io::Write as _;
use std::time::Duration;

use rcgen::{CertificateParams, DnType, IsCa, KeyPair};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::super::request;
use super::{Authority, Life};

fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    let name = format!("styr-authority-{}", uuid::Uuid::new_v4());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir(&folder).unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::File::create(&path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        path
    };
    let paths = (
        write("ca.crt", &certificate.pem()),
        write("ca.key", &key.serialize_pem()),
    );
    let authority = Authority::read(&paths.0, &paths.1).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    authority
}

#[test]
fn signs_exactly_what_was_asked_for() {
    let mut params = CertificateParams::new(vec!["node-1".to_owned()]).unwrap();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "system:nodes");
    params
        .distinguished_name
        .push(DnType::CommonName, "system:node:node-1");
    let pem = params
        .serialize_request(&KeyPair::generate().unwrap())
        .unwrap()
        .pem()
        .unwrap();
    let request = request::read(pem.as_bytes()).unwrap();
    let usages = ["digital signature".to_owned(), "server auth".to_owned()];
    let now: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let life = Life {
        not_before: now,
        not_after: now + Duration::from_secs(3600),
    };
    let signed = authority().sign(&request, &usages, life).unwrap();
    let der = CertificateDer::from_pem_slice(signed.as_bytes()).unwrap();
    let (rest, certificate) = X509Certificate::from_der(&der).unwrap();
    assert!(rest.is_empty());
    assert_eq!(certificate.subject().as_raw(), request.subject_der);
    assert_eq!(
        certificate.validity().not_after.timestamp(),
        now.as_second() + 3600
    );
    let usage = certificate.key_usage().unwrap().unwrap();
    assert!(usage.value.digital_signature() && !usage.value.key_encipherment());
    assert!(
        certificate
            .extended_key_usage()
            .unwrap()
            .unwrap()
            .value
            .server_auth
    );
    assert!(!certificate.is_ca());
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names.len(), 1);
}
