//! One HTTP request, for probes and hooks: certificates are not checked, redirects stay on the host.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Upstream's limits of a probe's answer and of redirects.
const BODY_BYTES_MAX: usize = 10 << 10;
const REDIRECTS_MAX: usize = 10;

/// Shared by all, so that a server that is asked once a second resumes its session: that saves both
/// sides most of a handshake.
static TLS: LazyLock<Arc<rustls::ClientConfig>> = LazyLock::new(|| {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows the default versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    Arc::new(config)
});

/// What to ask for.
#[derive(Debug, Clone)]
pub(crate) struct Get {
    pub(crate) scheme: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path and query, with the leading slash.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) timeout: Duration,
}

/// What was answered. `left_host` is a redirect to elsewhere, which is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: String,
    pub(crate) left_host: bool,
}

impl Get {
    fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority(), self.path)
    }
}

pub(crate) async fn get(mut get: Get) -> Result<Answer, String> {
    let timeout = get.timeout;
    let url = get.url();
    let all = async {
        for _ in 0..=REDIRECTS_MAX {
            let (answer, location) = once(&get).await?;
            let Some(location) = location.filter(|_| (300..400).contains(&answer.code)) else {
                return Ok(answer);
            };
            let Ok(uri) = location.parse::<Uri>() else {
                return Ok(answer);
            };
            if uri.host().is_some_and(|host| host != get.host) {
                return Ok(Answer {
                    left_host: true,
                    ..answer
                });
            }
            if let Some(scheme) = uri.scheme_str() {
                scheme.clone_into(&mut get.scheme);
                let default = if scheme == "https" { 443 } else { 80 };
                get.port = uri.port_u16().unwrap_or(default);
            }
            get.path = uri
                .path_and_query()
                .map_or("/".into(), |path| path.to_string());
        }
        Err("stopped after 10 redirects".to_owned())
    };
    let quoted = format!("Get {url:?}");
    match tokio::time::timeout(timeout, all).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("{quoted}: {error}")),
        Err(_) => Err(format!(
            "{quoted}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        )),
    }
}

async fn once(get: &Get) -> Result<(Answer, Option<String>), String> {
    let stream = connect(&get.host, get.port).await?;
    if get.scheme.eq_ignore_ascii_case("https") {
        let name = ServerName::try_from(get.host.clone()).map_err(|error| error.to_string())?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&TLS));
        let stream = connector
            .connect(name, stream)
            .await
            .map_err(|error| error.to_string())?;
        return ask(get, stream).await;
    }
    ask(get, stream).await
}

pub(crate) async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let connected = TcpStream::connect((host, port)).await;
    connected.map_err(|error| {
        let text = match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
            _ => error.to_string(),
        };
        format!("dial tcp {host}:{port}: {text}")
    })
}

async fn ask<S>(get: &Get, stream: S) -> Result<(Answer, Option<String>), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let text = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(text)?;
    let mut request = Request::builder().method("GET").uri(&get.path);
    let has = |name: &str| {
        get.headers
            .iter()
            .any(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    if !has("host") {
        request = request.header("Host", get.authority());
    }
    for (name, value) in &get.headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = async {
        let answer = sender.send_request(request).await.map_err(text)?;
        let code = answer.status().as_u16();
        let location = answer.headers().get("location");
        let location = location
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = Limited::new(answer.into_body(), BODY_BYTES_MAX)
            .collect()
            .await;
        let body = body
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok((
            Answer {
                code,
                body,
                left_host: false,
            },
            location,
        ))
    };
    tokio::pin!(answer, connection);
    tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(error.to_string()),
        },
    }
}

/// Takes any certificate: a probe asks whether a server answers, not who it is.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
