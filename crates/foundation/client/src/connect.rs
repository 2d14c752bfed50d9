//! How a component reaches the API server.

use std::path::Path;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use styr_component::secure_serving::Reviewer;
use tower::{BoxError, Service};

/// A connection to an API server as one user. Clones share it. Requests are not rationed: the
/// server's own fairness decides.
#[derive(Clone)]
pub struct Client {
    kube: kube::Client,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// Over a client that exists already.
    pub fn new(kube: kube::Client) -> Self {
        Self { kube }
    }

    /// Over a server in the same process, or anything else that answers requests.
    pub fn over_service<S, B>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::new(kube::Client::new(service, "default"))
    }

    /// As the current context of a kubeconfig says. Must be called inside a runtime.
    pub async fn from_kubeconfig(path: impl AsRef<Path>) -> anyhow::Result<Self> {
        Self::from_config(Self::config(path.as_ref()).await?)
    }

    /// The settings in a kubeconfig, for callers that change some of them.
    pub async fn config(path: &Path) -> anyhow::Result<kube::Config> {
        let read = || format!("could not read kubeconfig {}", path.display());
        let kubeconfig = Kubeconfig::read_from(path).with_context(read)?;
        let options = KubeConfigOptions::default();
        kube::Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .with_context(read)
    }

    /// As the service account of the pod that this process runs in.
    pub fn in_cluster() -> anyhow::Result<Self> {
        let config = kube::Config::incluster().context("could not find the pod's credentials")?;
        Self::from_config(config)
    }

    /// With settings at hand.
    pub fn from_config(config: kube::Config) -> anyhow::Result<Self> {
        let url = config.cluster_url.clone();
        let kube = kube::Client::try_from(config)
            .with_context(|| format!("could not make a client for {url}"))?;
        Ok(Self::new(kube))
    }

    /// The client below, for what has no helper here: logs, exec, port-forward.
    pub fn kube(&self) -> &kube::Client {
        &self.kube
    }
}

#[async_trait]
impl Reviewer for Client {
    async fn review(&self, path: &str, review: &Value) -> Result<Value, BoxError> {
        let body = review.to_string().into_bytes();
        Ok(self.send(Method::POST, path, Some(body)).await?)
    }
}
