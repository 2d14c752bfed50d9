//! Certificate authorities and what they issue.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, SanType,
};
use time::OffsetDateTime;

use crate::PkiError;

/// Certificates begin a little before they are made, because clocks differ.
const BACKDATE: Duration = Duration::from_secs(300);
/// Ten years, as kubeadm gives an authority.
const AUTHORITY_VALIDITY: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// TLS servers.
    Server,
    /// TLS clients.
    Client,
    /// Both, as etcd's servers need.
    Both,
}

/// What a certificate says.
#[derive(Debug, Clone)]
pub struct Profile {
    /// CN: the user's name.
    pub common_name: String,
    /// O: the user's groups. One at most.
    pub organizations: Vec<String>,
    /// Names of the server.
    pub dns_names: Vec<String>,
    /// Addresses of the server.
    pub ip_addresses: Vec<IpAddr>,
    /// What it is for.
    pub usage: Usage,
    /// How long it holds.
    pub validity: Duration,
}

impl Profile {
    /// A client's certificate: a user in at most one group, for a year.
    pub fn client(common_name: &str, organization: Option<&str>) -> Self {
        Self {
            common_name: common_name.to_owned(),
            organizations: organization.map(str::to_owned).into_iter().collect(),
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            usage: Usage::Client,
            validity: Duration::from_secs(365 * 24 * 3600),
        }
    }

    /// A server's certificate for a year.
    pub fn server(common_name: &str, dns_names: &[&str], ip_addresses: &[IpAddr]) -> Self {
        Self {
            dns_names: dns_names.iter().map(|name| (*name).to_owned()).collect(),
            ip_addresses: ip_addresses.to_vec(),
            usage: Usage::Server,
            ..Self::client(common_name, None)
        }
    }
}

/// A certificate and its key, PEM.
#[derive(Clone)]
pub struct KeyPair {
    /// PEM.
    pub certificate_pem: String,
    /// PKCS#8, PEM.
    pub key_pem: String,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPair")
            .field("certificate_pem", &self.certificate_pem)
            .finish()
    }
}

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    certificate_pem: String,
    key: rcgen::KeyPair,
    issuer: CertificateParams,
}

impl Authority {
    /// A new authority that trusts only itself.
    pub fn generate(common_name: &str, now: Timestamp) -> Result<Self, PkiError> {
        let wrong = |error: rcgen::Error| PkiError::issue(common_name, error);
        let key = rcgen::KeyPair::generate().map_err(wrong)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(wrong)?;
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyCertSign,
        ];
        params.not_before = date(now, BACKDATE, false);
        params.not_after = date(now, AUTHORITY_VALIDITY, true);
        let certificate = params.self_signed(&key).map_err(wrong)?;
        Ok(Self {
            certificate_pem: certificate.pem(),
            key,
            issuer: params,
        })
    }

    /// An authority that somebody made before.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self, PkiError> {
        let wrong = |error: rcgen::Error| PkiError::malformed("certificate authority", error);
        let key = rcgen::KeyPair::from_pem(key_pem).map_err(wrong)?;
        let name = common_name(certificate_pem)?;
        // Only name and key go into what is issued; the certificate itself stays as it is.
        let mut issuer = CertificateParams::new(Vec::new()).map_err(wrong)?;
        issuer.distinguished_name = name;
        issuer.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self {
            certificate_pem: certificate_pem.to_owned(),
            key,
            issuer,
        })
    }

    /// The authority's own certificate.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The authority's key, PKCS#8.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Issues a certificate with a new key.
    pub fn issue(&self, profile: &Profile, now: Timestamp) -> Result<KeyPair, PkiError> {
        let wrong = |error: rcgen::Error| PkiError::issue(&profile.common_name, error);
        let key = rcgen::KeyPair::generate().map_err(wrong)?;
        let params = params(profile, now).map_err(wrong)?;
        let certificate = params.signed_by(&key, &self.issuer()).map_err(wrong)?;
        Ok(KeyPair {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    pub(crate) fn issuer(&self) -> Issuer<'_, &rcgen::KeyPair> {
        Issuer::from_params(&self.issuer, &self.key)
    }
}

/// A certificate that vouches for itself, for a server that nobody gave one.
pub fn self_signed(profile: &Profile, now: Timestamp) -> Result<KeyPair, PkiError> {
    let wrong = |error: rcgen::Error| PkiError::issue(&profile.common_name, error);
    let key = rcgen::KeyPair::generate().map_err(wrong)?;
    let certificate = params(profile, now)
        .map_err(wrong)?
        .self_signed(&key)
        .map_err(wrong)?;
    Ok(KeyPair {
        certificate_pem: certificate.pem(),
        key_pem: key.serialize_pem(),
    })
}

fn params(profile: &Profile, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(profile.dns_names.clone())?;
    let addresses = profile
        .ip_addresses
        .iter()
        .map(|address| SanType::IpAddress(*address));
    params.subject_alt_names.extend(addresses);
    for organization in &profile.organizations {
        params
            .distinguished_name
            .push(DnType::OrganizationName, organization);
    }
    params
        .distinguished_name
        .push(DnType::CommonName, &profile.common_name);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    params.extended_key_usages = purposes(profile.usage);
    params.not_before = date(now, BACKDATE, false);
    params.not_after = date(now, profile.validity, true);
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn purposes(usage: Usage) -> Vec<ExtendedKeyUsagePurpose> {
    match usage {
        Usage::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
        Usage::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
        Usage::Both => {
            vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ]
        }
    }
}

/// `now` plus or minus `by`, as certificates have dates.
pub(crate) fn date(now: Timestamp, by: Duration, later: bool) -> OffsetDateTime {
    let by = i64::try_from(by.as_secs()).expect("validities are years, not ages");
    let seconds = if later {
        now.as_second() + by
    } else {
        now.as_second() - by
    };
    OffsetDateTime::from_unix_timestamp(seconds).expect("within the range of certificates")
}

fn common_name(certificate_pem: &str) -> Result<rcgen::DistinguishedName, PkiError> {
    let wrong = |reason: String| PkiError::malformed("certificate authority", reason);
    let (_, pem) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes())
        .map_err(|error| wrong(error.to_string()))?;
    let certificate = pem.parse_x509().map_err(|error| wrong(error.to_string()))?;
    let subject = certificate.subject();
    let mut name = rcgen::DistinguishedName::new();
    for organization in subject.iter_organization() {
        let text = organization
            .as_str()
            .map_err(|error| wrong(error.to_string()))?;
        name.push(DnType::OrganizationName, text);
    }
    for common in subject.iter_common_name() {
        let text = common.as_str().map_err(|error| wrong(error.to_string()))?;
        name.push(DnType::CommonName, text);
    }
    Ok(name)
}

#[cfg(test)]
mod tests;
