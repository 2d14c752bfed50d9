//! What a store process is told by its flags.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use styr_component::Flags;

use crate::flags::{HEEDED, KNOWN};

/// Everything that [`crate::run`] needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    /// `--name`.
    pub name: String,
    /// `--data-dir`.
    pub data_dir: PathBuf,
    /// `--listen-client-urls`.
    pub listen: Vec<Url>,
    /// `--advertise-client-urls`.
    pub advertise: Vec<String>,
    /// `--initial-advertise-peer-urls`.
    pub peers: Vec<String>,
    /// `--listen-metrics-urls`.
    pub metrics: Vec<Url>,
    /// Files of the server's certificate, its key, and the authority of clients.
    pub tls: Option<TlsFiles>,
    /// `--watch-progress-notify-interval`.
    pub progress_interval: Duration,
    /// `--quota-backend-bytes`; nothing is no limit.
    pub bytes_max: Option<u64>,
}

/// Where a server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Url {
    /// Host and port.
    pub address: SocketAddr,
    /// `https`.
    pub is_tls: bool,
}

/// Files of a TLS server.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// PEM.
    pub certificate: PathBuf,
    /// PEM.
    pub key: PathBuf,
    /// PEM; with it, clients must show a certificate of that authority.
    pub client_authority: Option<PathBuf>,
}

/// What etcd takes for `--quota-backend-bytes=0`.
const QUOTA_DEFAULT: u64 = 2 << 30;

impl Config {
    /// Reads etcd's flags.
    pub fn from_args(args: Vec<String>) -> Result<Self> {
        let flags = Flags::parse_table(KNOWN.to_vec(), &HEEDED, args)?;
        let name = flags.string("name");
        let members = flags.string("initial-cluster");
        if members
            .split(',')
            .filter(|member| !member.is_empty())
            .count()
            > 1
        {
            bail!("--initial-cluster names several members, which is not implemented");
        }
        let retention = flags.string("auto-compaction-retention");
        if retention != "0" {
            bail!("--auto-compaction-retention is not implemented; the API server compacts");
        }
        let data_dir = flags
            .optional("data-dir")
            .unwrap_or_else(|| format!("{name}.etcd"));
        let config = Self {
            data_dir: data_dir.into(),
            listen: urls(&flags.strings("listen-client-urls"))?,
            advertise: flags.strings("advertise-client-urls"),
            peers: flags.strings("initial-advertise-peer-urls"),
            metrics: urls(&flags.strings("listen-metrics-urls"))?,
            tls: tls_files(&flags)?,
            progress_interval: flags.duration("watch-progress-notify-interval"),
            // Below zero is no limit for etcd either.
            bytes_max: u64::try_from(flags.int("quota-backend-bytes"))
                .ok()
                .map(|bytes| if bytes == 0 { QUOTA_DEFAULT } else { bytes }),
            name,
        };
        if config.tls.is_none() && config.listen.iter().any(|url| url.is_tls) {
            bail!("--listen-client-urls has https, so --cert-file and --key-file are needed");
        }
        Ok(config)
    }
}

fn tls_files(flags: &Flags) -> Result<Option<TlsFiles>> {
    let authority = flags.optional("trusted-ca-file").map(PathBuf::from);
    let must_show = flags.bool("client-cert-auth");
    if must_show && authority.is_none() {
        bail!("--client-cert-auth needs --trusted-ca-file");
    }
    match (flags.optional("cert-file"), flags.optional("key-file")) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles {
            certificate: certificate.into(),
            key: key.into(),
            client_authority: authority.filter(|_| must_show),
        })),
        (None, None) => Ok(None),
        _ => bail!("--cert-file and --key-file belong together"),
    }
}

fn urls(texts: &[String]) -> Result<Vec<Url>> {
    texts.iter().map(|text| url(text)).collect()
}

fn url(text: &str) -> Result<Url> {
    let (is_tls, rest) = match text.split_once("://") {
        Some(("http", rest)) => (false, rest),
        Some(("https", rest)) => (true, rest),
        _ => bail!("URL {text:?} must start with http:// or https://"),
    };
    let mut addresses = rest
        .trim_end_matches('/')
        .to_socket_addrs()
        .with_context(|| format!("URL {text:?} has no usable host and port"))?;
    let address = addresses
        .next()
        .with_context(|| format!("URL {text:?} has no address"))?;
    Ok(Url { address, is_tls })
}
