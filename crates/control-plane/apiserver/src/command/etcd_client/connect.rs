//! Connections to the servers, plain or over TLS.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use styr_store::StoreError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

/// A server that does not take a connection by then is passed over.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Pings while requests are open, so that a dead server is noticed.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_MAX: Duration = Duration::from_secs(10);
/// Flow-control windows: a load of the whole store must not wait for each 64 KiB.
const STREAM_WINDOW: u32 = 8 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Whom to trust, and which certificate to show.
#[derive(Clone)]
pub(in crate::command) struct EtcdTls(pub(in crate::command) Arc<ClientConfig>);

impl fmt::Debug for EtcdTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EtcdTls")
    }
}

trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

type Connected = TokioIo<Box<dyn Connection>>;
type Connecting = Pin<Box<dyn Future<Output = io::Result<Connected>> + Send>>;

#[derive(Debug, Clone)]
struct Server {
    host: String,
    port: u16,
    is_tls: bool,
}

pub(super) fn channel(endpoints: &[String], tls: Option<EtcdTls>) -> Result<Channel, StoreError> {
    let servers = endpoints
        .iter()
        .map(|it| server(it))
        .collect::<Result<Vec<_>, _>>()?;
    if servers.is_empty() {
        return Err(StoreError::Invalid("no etcd server was named".to_owned()));
    }
    // The address is the connector's business; this one only stands in headers.
    let endpoint = Endpoint::from_static("http://etcd")
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    let connector = tower::service_fn(move |_: Uri| {
        let (servers, tls) = (servers.clone(), tls.clone());
        let connecting: Connecting =
            Box::pin(async move { first_that_answers(&servers, tls.as_ref()).await });
        connecting
    });
    Ok(endpoint.connect_with_connector_lazy(connector))
}

fn server(text: &str) -> Result<Server, StoreError> {
    let wrong = || StoreError::Invalid(format!("no address of an etcd server: {text}"));
    let (is_tls, rest) = match text.split_once("://") {
        Some(("http", rest)) => (false, rest),
        Some(("https", rest)) => (true, rest),
        Some(_) => return Err(wrong()),
        None => (false, text),
    };
    let (host, port) = rest
        .trim_end_matches('/')
        .rsplit_once(':')
        .ok_or_else(wrong)?;
    let host = host.trim_matches(['[', ']']).to_owned();
    Ok(Server {
        host,
        port: port.parse().map_err(|_| wrong())?,
        is_tls,
    })
}

async fn first_that_answers(servers: &[Server], tls: Option<&EtcdTls>) -> io::Result<Connected> {
    let mut last = io::Error::other("no server");
    for server in servers {
        match tokio::time::timeout(CONNECT_MAX, connect(server, tls)).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

async fn connect(server: &Server, tls: Option<&EtcdTls>) -> io::Result<Connected> {
    let stream = TcpStream::connect((server.host.as_str(), server.port)).await?;
    stream.set_nodelay(true)?;
    if !server.is_tls {
        return Ok(TokioIo::new(Box::new(stream)));
    }
    let missing = || io::Error::other("a server over TLS needs an authority");
    let EtcdTls(config) = tls.ok_or_else(missing)?;
    let name = ServerName::try_from(server.host.clone()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::clone(config))
        .connect(name, stream)
        .await?;
    Ok(TokioIo::new(Box::new(stream)))
}
