//! Certificate signing requests: made by nodes, read and signed by the controller manager.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose,
};
use x509_parser::prelude::FromDer as _;

use crate::authority::{Authority, date};
use crate::{PkiError, Profile};

/// A request and the key that it is for, PEM.
#[derive(Clone)]
pub struct Request {
    /// `CERTIFICATE REQUEST`.
    pub request_pem: String,
    /// PKCS#8.
    pub key_pem: String,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("request_pem", &self.request_pem)
            .finish()
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// CN.
    pub common_name: String,
    /// O.
    pub organizations: Vec<String>,
    /// Names.
    pub dns_names: Vec<String>,
    /// Addresses, as text.
    pub ip_addresses: Vec<String>,
    /// E-mail addresses and URIs, which no signer of Kubernetes allows.
    pub other_names: Vec<String>,
}

/// Makes a request with a new key.
pub fn create(profile: &Profile) -> Result<Request, PkiError> {
    let wrong = |error: rcgen::Error| PkiError::issue(&profile.common_name, error);
    let key = rcgen::KeyPair::generate().map_err(wrong)?;
    create_with(profile, &key.serialize_pem())
}

/// Makes a request for a key that there is already.
pub fn create_with(profile: &Profile, key_pem: &str) -> Result<Request, PkiError> {
    let wrong = |error: rcgen::Error| PkiError::issue(&profile.common_name, error);
    let key = rcgen::KeyPair::from_pem(key_pem).map_err(wrong)?;
    let mut params = CertificateParams::new(profile.dns_names.clone()).map_err(wrong)?;
    let addresses = profile
        .ip_addresses
        .iter()
        .copied()
        .map(rcgen::SanType::IpAddress);
    params.subject_alt_names.extend(addresses);
    for organization in &profile.organizations {
        params
            .distinguished_name
            .push(DnType::OrganizationName, organization);
    }
    params
        .distinguished_name
        .push(DnType::CommonName, &profile.common_name);
    let request = params.serialize_request(&key).map_err(wrong)?;
    let request_pem = request.pem().map_err(wrong)?;
    Ok(Request {
        request_pem,
        key_pem: key_pem.to_owned(),
    })
}

/// Reads what a request asks for, and checks that it is signed with its own key.
pub fn subject(request_pem: &str) -> Result<Subject, PkiError> {
    use x509_parser::extensions::{GeneralName, ParsedExtension};
    let wrong = |reason: String| PkiError::malformed("certificate request", reason);
    let (_, pem) = x509_parser::pem::parse_x509_pem(request_pem.as_bytes())
        .map_err(|error| wrong(error.to_string()))?;
    let (_, request) =
        x509_parser::certification_request::X509CertificationRequest::from_der(&pem.contents)
            .map_err(|error| wrong(error.to_string()))?;
    request
        .verify_signature()
        .map_err(|error| wrong(error.to_string()))?;
    let name = &request.certification_request_info.subject;
    let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        value.as_str().unwrap_or_default().to_owned()
    };
    let mut subject = Subject {
        common_name: name.iter_common_name().next().map(text).unwrap_or_default(),
        organizations: name.iter_organization().map(text).collect(),
        ..Subject::default()
    };
    for extension in request.requested_extensions().into_iter().flatten() {
        let ParsedExtension::SubjectAlternativeName(names) = extension else {
            continue;
        };
        for name in &names.general_names {
            match name {
                GeneralName::DNSName(name) => subject.dns_names.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => subject.ip_addresses.push(address(bytes)),
                other => subject.other_names.push(format!("{other:?}")),
            }
        }
    }
    Ok(subject)
}

fn address(bytes: &[u8]) -> String {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return std::net::Ipv4Addr::from(four).to_string();
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(sixteen) => std::net::Ipv6Addr::from(sixteen).to_string(),
        Err(_) => String::new(),
    }
}

impl Authority {
    /// Signs a request for the usages that Kubernetes names (`client auth`, `digital signature` ...).
    pub fn sign_request(
        &self,
        request_pem: &str,
        usages: &[String],
        (now, validity): (Timestamp, Duration),
    ) -> Result<String, PkiError> {
        let wrong = |error: rcgen::Error| PkiError::issue("a certificate request", error);
        let mut request = CertificateSigningRequestParams::from_pem(request_pem).map_err(wrong)?;
        let params = &mut request.params;
        params.is_ca = IsCa::NoCa;
        params.key_usages.clear();
        params.extended_key_usages.clear();
        for usage in usages {
            match usage.as_str() {
                "digital signature" | "signing" => {
                    params.key_usages.push(KeyUsagePurpose::DigitalSignature);
                }
                "key encipherment" => params.key_usages.push(KeyUsagePurpose::KeyEncipherment),
                "data encipherment" => params.key_usages.push(KeyUsagePurpose::DataEncipherment),
                "key agreement" => params.key_usages.push(KeyUsagePurpose::KeyAgreement),
                "client auth" => {
                    params
                        .extended_key_usages
                        .push(ExtendedKeyUsagePurpose::ClientAuth);
                }
                "server auth" => {
                    params
                        .extended_key_usages
                        .push(ExtendedKeyUsagePurpose::ServerAuth);
                }
                other => {
                    let reason = format!("unrecognized usage {other:?}");
                    return Err(PkiError::malformed("certificate request", reason));
                }
            }
        }
        params.not_before = date(now, Duration::from_secs(300), false);
        params.not_after = date(now, validity, true);
        params.use_authority_key_identifier_extension = true;
        Ok(request.signed_by(&self.issuer()).map_err(wrong)?.pem())
    }
}
