//! Connections to one server, plain or over TLS.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use styr_pki::KeyPair;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

use super::TlsFiles;
use crate::error::StoreError;

/// A server that does not take a connection by then is passed over.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Pings while requests are open, so that a dead server is noticed.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_MAX: Duration = Duration::from_secs(10);
/// Flow-control windows: a load of the whole store must not wait for each 64 KiB.
const STREAM_WINDOW: u32 = 8 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// Where systems keep the authorities they trust.
const SYSTEM_AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where a server is.
#[derive(Debug, Clone)]
pub(super) struct Address {
    host: String,
    port: u16,
    pub(super) is_tls: bool,
}

impl Address {
    /// Reads `http://host:port`, `https://host:port`, or `host:port` without TLS.
    pub(super) fn parse(text: &str) -> Result<Self, StoreError> {
        let wrong = |why| StoreError::Invalid(format!("etcd server {text:?} {why}"));
        let (is_tls, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some(_) => return Err(wrong("is neither http:// nor https://")),
            None => (false, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = rest.rsplit_once(':').ok_or_else(|| wrong("has no port"))?;
        let port = port.parse().map_err(|_| wrong("has no valid port"))?;
        let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let host = inner.unwrap_or(host).to_owned();
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        Ok(Self { host, port, is_tls })
    }

    fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

/// A channel that connects when it is first used, and again after the connection broke.
pub(super) fn channel(address: Address, files: Arc<TlsFiles>) -> Result<Channel, StoreError> {
    let authority = address.authority();
    // `http` in any case: TLS is the connector's business here, not the channel's.
    let endpoint = Endpoint::from_shared(format!("http://{authority}"))
        .map_err(|_| StoreError::Invalid(format!("etcd server {authority:?} is no address")))?
        .connect_timeout(CONNECT_MAX)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    let address = Arc::new(address);
    let connector = tower::service_fn(move |_: Uri| {
        let (address, files) = (Arc::clone(&address), Arc::clone(&files));
        async move {
            let connected = connect(&address, &files).await;
            connected.map_err(|error| {
                let place = address.authority();
                io::Error::new(
                    error.kind(),
                    format!("could not connect to etcd at {place}: {error}"),
                )
            })
        }
    });
    Ok(endpoint.connect_with_connector_lazy(connector))
}

async fn connect(address: &Address, files: &TlsFiles) -> io::Result<TokioIo<Box<dyn Connection>>> {
    let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
    stream.set_nodelay(true)?;
    if !address.is_tls {
        return Ok(TokioIo::new(Box::new(stream)));
    }
    let config = tls(files).await.map_err(io::Error::other)?;
    let name = ServerName::try_from(address.host.clone()).map_err(io::Error::other)?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await?;
    Ok(TokioIo::new(Box::new(stream)))
}

/// What the files say now, or what is wrong with them.
pub(super) async fn tls(files: &TlsFiles) -> Result<ClientConfig, String> {
    let authorities = match &files.ca {
        Some(path) => read(path).await?,
        None => system_authorities().await?,
    };
    let pair = match (&files.certificate, &files.key) {
        (Some(certificate), Some(key)) => Some(KeyPair {
            certificate_pem: read(certificate).await?,
            key_pem: read(key).await?,
        }),
        (None, None) => None,
        _ => return Err("etcd client certificate and key belong together".to_owned()),
    };
    let mut config = styr_pki::tls::client_config(&authorities, pair.as_ref())
        .map_err(|error| format!("could not use the TLS files for etcd: {error}"))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

async fn system_authorities() -> Result<String, String> {
    for path in SYSTEM_AUTHORITIES {
        if let Ok(text) = tokio::fs::read_to_string(path).await {
            return Ok(text);
        }
    }
    Err("no authority is given for etcd, and the system has none".to_owned())
}

async fn read(path: &Path) -> Result<String, String> {
    let text = tokio::fs::read_to_string(path).await;
    text.map_err(|error| format!("could not read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
