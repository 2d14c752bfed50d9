//! The server as a whole: what it is built of, how it starts, and how it is reached.
//!
//! It is a `tower::Service`; over TLS it is a process, handed to a client it is the same server in
//! memory, through the same chain.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use styr_base::{SharedClock, Shutdown, Tasks};
use styr_component::serve::{Listener, serve};
use tower::Service;

use crate::attributes::{
    Admission, Attributes, Authenticator, Authorizer, Decision, Identity, RuleSummary, User,
};
use crate::body::{Body, BodyError, Request, Response};
use crate::config::{Config, Deps};
use crate::discovery::Discovery;
use crate::flow::Flows;
use crate::health::Health;
use crate::kubelets::Kubelets;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::openapi::OpenApi;
use crate::registry::Resources;
use crate::service_account::Tokens;
use crate::{allocation, chain, duties, plugins};

/// Everything that requests share.
#[derive(Debug)]
pub struct State {
    pub config: Config,
    pub clock: SharedClock,
    pub shutdown: Shutdown,
    pub resources: Arc<Resources>,
    pub authenticators: Vec<Arc<dyn Authenticator>>,
    pub authorizers: Vec<Arc<dyn Authorizer>>,
    pub admission: Vec<Arc<dyn Admission>>,
    pub tokens: Arc<Tokens>,
    pub kubelets: Kubelets,
    /// Forwarded and upgraded connections.
    pub connections: Arc<Tasks>,
    pub limits: Limits,
    pub(crate) flows: Flows,
    pub discovery: Discovery,
    pub openapi: OpenApi,
    pub health: Health,
    pub metrics: Metrics,
}

impl State {
    /// The first authorizer with an opinion decides.
    pub async fn authorize(&self, attributes: &Attributes) -> Decision {
        let mut reasons = Vec::new();
        for authorizer in &self.authorizers {
            match authorizer.authorize(attributes).await {
                Decision::NoOpinion(reason) if reason.is_empty() => {}
                Decision::NoOpinion(reason) => reasons.push(reason),
                decided => return decided,
            }
        }
        Decision::NoOpinion(reasons.join("\n"))
    }

    /// What a user may do in a namespace, by all authorizers.
    pub fn rules_for(&self, user: &User, namespace: &str) -> RuleSummary {
        let mut all = RuleSummary::default();
        for authorizer in &self.authorizers {
            let some = authorizer.rules_for(user, namespace);
            all.resource_rules.extend(some.resource_rules);
            all.non_resource_rules.extend(some.non_resource_rules);
            all.incomplete |= some.incomplete;
            if !some.evaluation_error.is_empty() {
                all.evaluation_error = some.evaluation_error;
            }
        }
        all
    }
}

/// A running server. Clones share it; its tasks end with the last of them, or with the shutdown.
#[derive(Debug, Clone)]
pub struct Server {
    state: Arc<State>,
    tasks: Arc<Tasks>,
    /// Whom requests come from, if they come from within the process.
    identity: Option<Arc<User>>,
}

/// Builds a server and starts filling its caches; requests are answered from the first moment,
/// and `/readyz` tells when they are answered fully.
pub fn build(config: Config, deps: Deps) -> anyhow::Result<Server> {
    let Deps {
        store,
        clock,
        shutdown,
    } = deps;
    let event_ttl = i64::try_from(config.event_ttl.as_secs())?;
    let resources = Resources::new(styr_api::table(), &store, &clock, event_ttl);
    let built = plugins::build(&config, &resources, &clock)?;
    let metrics = Metrics::new();
    let health = Health::new(&resources);
    let kubelets = Kubelets::new(&config.kubelet)?;
    let state = Arc::new(State {
        limits: Limits::new(
            config.max_requests_inflight,
            config.max_mutating_requests_inflight,
        ),
        clock,
        shutdown: shutdown.clone(),
        authenticators: built.authenticators,
        authorizers: built.authorizers,
        admission: built.admission,
        tokens: built.tokens,
        kubelets,
        connections: Arc::new(Tasks::new()),
        flows: Flows::new(&*resources),
        discovery: Discovery::default(),
        openapi: OpenApi::default(),
        health,
        metrics,
        resources: Arc::clone(&resources),
        config,
    });
    allocation::install(&state)?;
    duties::install(&state);
    let tasks = Arc::new(Tasks::new());
    tasks.spawn_infallible(Arc::clone(&resources).run(shutdown.clone()));
    tasks.spawn_infallible(duties::run(Arc::clone(&state)));
    Ok(Server {
        state,
        tasks,
        identity: None,
    })
}

impl Server {
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// The same server, asked by `user`: no credentials are needed or heeded.
    #[must_use]
    pub fn as_user(&self, user: User) -> Self {
        Self {
            identity: Some(Arc::new(user)),
            ..self.clone()
        }
    }

    /// Finishes when the server is ready: caches filled, bootstrap objects there.
    pub async fn ready(&self) {
        self.state.health.ready().await;
    }

    /// Serves on a socket until the shutdown.
    pub async fn serve(&self, listener: Listener) {
        serve(listener, self.clone(), self.state.shutdown.clone()).await;
    }

    /// How many tasks run in the background.
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }
}

impl<B> Service<http::Request<B>> for Server
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let state = Arc::clone(&self.state);
        let mut request: Request = request.map(Body::new);
        if let Some(user) = &self.identity {
            request.extensions_mut().insert(Identity(Arc::clone(user)));
        }
        Box::pin(async move { Ok(chain::answer(state, request).await) })
    }
}
