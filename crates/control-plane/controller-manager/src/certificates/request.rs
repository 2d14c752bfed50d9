//! What a PKCS#10 request asks for, and whether it is one of a kubelet.

use std::collections::BTreeSet;

use anyhow::Context as _;
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::extensions::GeneralName;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

/// The parts of a request that signers look at, and those that they copy.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) common_name: String,
    pub(super) organizations: Vec<String>,
    pub(super) dns_names: usize,
    pub(super) addresses: usize,
    /// Names of other kinds: mail addresses, URIs.
    pub(super) other_names: usize,
    pub(super) subject_der: Vec<u8>,
    pub(super) key_der: Vec<u8>,
    /// The value of the extension, if it was asked for.
    pub(super) names_der: Option<Vec<u8>>,
}

/// Reads a request in PEM.
pub(super) fn read(pem: &[u8]) -> anyhow::Result<Request> {
    let der = CertificateSigningRequestDer::from_pem_slice(pem)
        .context("could not read the request: it is not PEM")?;
    let (_, parsed) = X509CertificationRequest::from_der(&der)
        .context("could not read the request: it is not PKCS#10")?;
    let info = &parsed.certification_request_info;
    let texts = |attributes: x509_parser::x509::X509Name<'_>| -> Vec<String> {
        let values = attributes
            .iter_organization()
            .filter_map(|o| o.as_str().ok());
        values.map(str::to_owned).collect()
    };
    let common_name = info
        .subject
        .iter_common_name()
        .find_map(|name| name.as_str().ok());
    let mut request = Request {
        common_name: common_name.unwrap_or_default().to_owned(),
        organizations: texts(info.subject.clone()),
        dns_names: 0,
        addresses: 0,
        other_names: 0,
        subject_der: info.subject.as_raw().to_vec(),
        key_der: info.subject_pki.raw.to_vec(),
        names_der: None,
    };
    for attribute in info.iter_attributes() {
        let ParsedCriAttribute::ExtensionRequest(asked) = attribute.parsed_attribute() else {
            continue;
        };
        for extension in &asked.extensions {
            if let ParsedExtension::SubjectAlternativeName(names) = extension.parsed_extension() {
                request.names_der = Some(extension.value.to_vec());
                for name in &names.general_names {
                    match name {
                        GeneralName::DNSName(_) => request.dns_names += 1,
                        GeneralName::IPAddress(_) => request.addresses += 1,
                        _ => request.other_names += 1,
                    }
                }
            }
        }
    }
    Ok(request)
}

impl Request {
    fn is_of_node(&self) -> bool {
        self.organizations == ["system:nodes"] && self.common_name.starts_with("system:node:")
    }

    /// What a kubelet sends to become a client.
    pub(super) fn is_kubelet_client(&self, usages: &BTreeSet<&str>) -> bool {
        let names = self.dns_names + self.addresses + self.other_names;
        self.is_of_node() && names == 0 && are_usages(usages, "client auth")
    }

    /// What a kubelet sends to become a server.
    pub(super) fn is_kubelet_serving(&self, usages: &BTreeSet<&str>) -> bool {
        let has_name = self.dns_names + self.addresses > 0;
        self.is_of_node() && has_name && self.other_names == 0 && are_usages(usages, "server auth")
    }
}

/// Exactly what TLS needs; `key encipherment` only where the key is of RSA.
fn are_usages(usages: &BTreeSet<&str>, role: &str) -> bool {
    let mut rest = usages.clone();
    rest.remove("key encipherment");
    rest.len() == 2 && rest.contains("digital signature") && rest.contains(role)
}
