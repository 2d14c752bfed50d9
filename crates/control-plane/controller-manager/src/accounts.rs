//! As whom controllers write: all as one user, or each as a service account of its own.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, header::AUTHORIZATION};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::client::Body;
use styr_base::SharedClock;
use styr_client::{Client, Error};
use tokio::sync::Mutex;

const NAMESPACE: &str = "kube-system";
/// What upstream asks for, in seconds.
const TOKEN_SECONDS: i64 = 3600;
/// A token is replaced when less than this share of its life is left.
const RENEW_AT: f64 = 0.2;

/// Connections to the API server.
pub trait Clients: Debug + Send + Sync {
    /// For reading everything, and for the component's own affairs.
    fn root(&self) -> Client;
    /// For what a controller writes; `account` is upstream's name of its service account.
    fn of(&self, account: &'static str) -> Client;
}

/// Everything is done as one user.
#[derive(Debug, Clone)]
pub struct OneClient(pub Client);

impl Clients for OneClient {
    fn root(&self) -> Client {
        self.0.clone()
    }

    fn of(&self, _account: &'static str) -> Client {
        self.0.clone()
    }
}

/// Every controller is a service account in `kube-system`; accounts and tokens are made on demand.
#[derive(Debug, Clone)]
pub struct ServiceAccounts {
    /// May create accounts and tokens.
    pub root: Client,
    /// A connection without credentials.
    pub anonymous: Client,
    /// For the age of tokens.
    pub clock: SharedClock,
}

impl Clients for ServiceAccounts {
    fn root(&self) -> Client {
        self.root.clone()
    }

    fn of(&self, account: &'static str) -> Client {
        let identity = Arc::new(Identity {
            root: self.root.clone(),
            clock: Arc::clone(&self.clock),
            account,
            token: Mutex::new(None),
        });
        let anonymous = self.anonymous.clone();
        Client::over_service(tower_service(move |mut request: Request<Body>| {
            let (identity, anonymous) = (Arc::clone(&identity), anonymous.clone());
            async move {
                let token = identity.token().await?;
                request.headers_mut().insert(AUTHORIZATION, token);
                Ok::<_, Refused>(anonymous.kube().send(request).await?)
            }
        }))
    }
}

type Refused = Box<dyn std::error::Error + Send + Sync>;

fn tower_service<F, Fut>(
    function: F,
) -> impl tower::Service<Request<Body>, Response = http::Response<Body>, Error = Refused, Future: Send>
+ Send
+ 'static
where
    F: FnMut(Request<Body>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<http::Response<Body>, Refused>> + Send + 'static,
{
    tower::service_fn(function)
}

struct Identity {
    root: Client,
    clock: SharedClock,
    account: &'static str,
    token: Mutex<Option<(HeaderValue, jiff::Timestamp)>>,
}

impl Identity {
    async fn token(&self) -> Result<HeaderValue, Refused> {
        // Held over the request on purpose: the others would only ask for the same token.
        let mut token = self.token.lock().await;
        if let Some((value, until)) = &*token
            && *until > self.clock.now()
        {
            return Ok(value.clone());
        }
        let (value, until) = self.request().await?;
        let mut header = HeaderValue::try_from(format!("Bearer {value}"))?;
        header.set_sensitive(true);
        *token = Some((header.clone(), until));
        Ok(header)
    }

    async fn request(&self) -> Result<(String, jiff::Timestamp), Refused> {
        let path = format!(
            "/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{}/token",
            self.account
        );
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                expiration_seconds: Some(TOKEN_SECONDS),
                ..TokenRequestSpec::default()
            }),
            ..TokenRequest::default()
        };
        let body = serde_json::to_vec(&request)?;
        let send = || {
            self.root
                .send::<TokenRequest>(http::Method::POST, &path, Some(body.clone()))
        };
        let answer = match send().await {
            Err(error) if error.is_not_found() => {
                self.create().await?;
                send().await?
            }
            answer => answer?,
        };
        let status = answer.status.ok_or("the server issued no token")?;
        let now = self.clock.now();
        let expiry = status.expiration_timestamp.ok_or("the token has no end")?.0;
        let life = Duration::try_from(expiry.duration_since(now)).unwrap_or_default();
        let token = status.token.ok_or("the server issued no token")?;
        Ok((token, now + life.mul_f64(1.0 - RENEW_AT)))
    }

    async fn create(&self) -> Result<(), Error> {
        let account = ServiceAccount {
            metadata: ObjectMeta {
                namespace: Some(NAMESPACE.to_owned()),
                name: Some(self.account.to_owned()),
                ..ObjectMeta::default()
            },
            ..ServiceAccount::default()
        };
        match self.root.create(&account).await {
            Err(error) if !error.is_already_exists() => Err(error),
            _ => Ok(()),
        }
    }
}
