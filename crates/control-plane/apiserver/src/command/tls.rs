//! The server's certificate: the one that was given, or one of its own.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use rustls::ServerConfig;
use styr_pki::authority::self_signed;
use styr_pki::tls::{self, ClientCertificates};
use styr_pki::{KeyPair, Profile};

use crate::config::Config;

/// The files of a certificate that the server has made itself, as upstream names them.
const CERTIFICATE: &str = "apiserver.crt";
const KEY: &str = "apiserver.key";

/// TLS as the configuration says. Clients are asked for a certificate, and only authentication
/// judges it: whoever shows a bad one gets an answer.
pub(super) fn server_config(config: &Config, now: Timestamp) -> anyhow::Result<Arc<ServerConfig>> {
    let pair = match (&config.tls_cert_file, &config.tls_private_key_file) {
        (Some(certificate), Some(key)) => KeyPair {
            certificate_pem: read(certificate)?,
            key_pem: read(key)?,
        },
        (None, None) => own_pair(config, now)?,
        _ => anyhow::bail!("--tls-cert-file and --tls-private-key-file belong together"),
    };
    Ok(tls::server_config(&pair, ClientCertificates::Requested)?)
}

/// A certificate for this machine's names, kept in `--cert-dir`.
fn own_pair(config: &Config, now: Timestamp) -> anyhow::Result<KeyPair> {
    let (certificate, key) = (config.cert_dir.join(CERTIFICATE), config.cert_dir.join(KEY));
    if certificate.exists() && key.exists() {
        return Ok(KeyPair {
            certificate_pem: read(&certificate)?,
            key_pem: read(&key)?,
        });
    }
    let names = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
    ];
    let mut addresses = vec![config.bind_address];
    addresses.extend(config.advertise_address);
    let pair = self_signed(&Profile::server("kube-apiserver", &names, &addresses), now)?;
    fs::create_dir_all(&config.cert_dir)
        .with_context(|| format!("could not make {}", config.cert_dir.display()))?;
    write(&certificate, &pair.certificate_pem)?;
    write(&key, &pair.key_pem)?;
    Ok(pair)
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))
}

/// Only for this user: one of the two is a key.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("could not write {}", path.display()))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("could not write {}", path.display()))
}
