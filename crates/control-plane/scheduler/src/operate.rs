//! From the command line to a running scheduler.

mod access;
mod tls;

use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use styr_base::{SharedClock, Shutdown, SystemClock, Tasks};
use styr_client::{Client, leader_election};
use styr_component::health::Checks;
use styr_component::metrics::Registry;
use styr_component::operations;
use styr_component::serve::{Connection, Listener, bind, handler, serve};

use crate::config::{Config, Serving};
use crate::scheduler;

/// Scrapers and probes; more connections than that are not for health.
const CONNECTIONS_MAX: usize = 64;

/// What a scheduler is given.
#[derive(Debug, Clone)]
pub struct Deps {
    /// Its connection.
    pub client: Client,
    /// Its time.
    pub clock: SharedClock,
    /// Its end.
    pub shutdown: Shutdown,
    /// What it counts.
    pub registry: Registry,
    /// Whether it is well.
    pub checks: Checks,
}

/// Runs as a process: `args` is the command line without the program's name.
pub async fn command(args: Vec<String>, shutdown: Shutdown) -> anyhow::Result<()> {
    let config = Config::parse(args)?;
    styr_component::logs::init(config.verbosity);
    let path = config.kubeconfig.as_ref();
    let path = path.context("--kubeconfig is required: it names the API server")?;
    let deps = Deps {
        client: Client::from_kubeconfig(path).await?,
        clock: SystemClock::shared(),
        shutdown,
        registry: Registry::new(),
        checks: Checks::new(),
    };
    run(config, deps).await
}

/// Runs until `deps.shutdown` is requested or the lead is lost.
pub async fn run(config: Config, deps: Deps) -> anyhow::Result<()> {
    let serving = Tasks::new();
    if config.serving.port != 0 {
        start_serving(&config.serving, &deps, &serving).await?;
    }
    let names = config.names.clone();
    let work = |shutdown: Shutdown| {
        let deps = deps.clone();
        async move {
            let time = (Arc::clone(&deps.clock), shutdown);
            scheduler::run(deps.client, time, &names, &deps.registry).await;
            Ok(())
        }
    };
    match &config.election {
        None => work(deps.shutdown.child()).await,
        Some(election) => {
            let parts = (&deps.client, &deps.clock);
            leader_election::lead(parts, election, &deps.shutdown, work).await
        }
    }
}

async fn start_serving(serving: &Serving, deps: &Deps, tasks: &Tasks) -> anyhow::Result<()> {
    let socket = bind((serving.address, serving.port).into()).await?;
    let listener = Listener {
        socket,
        tls: Some(tls::server(serving)?),
        connections_max: CONNECTIONS_MAX,
    };
    let (checks, registry) = (deps.checks.clone(), deps.registry.clone());
    let client = deps.client.clone();
    let service = handler(move |request: Request<Incoming>| {
        let parts = (checks.clone(), registry.clone(), client.clone());
        async move { answer(&request, &parts).await }
    });
    tasks.spawn_infallible(serve(listener, service, deps.shutdown.clone()));
    Ok(())
}

async fn answer(
    request: &Request<Incoming>,
    (checks, registry, client): &(Checks, Registry, Client),
) -> operations::Answer {
    let uri = request.uri();
    let connection = request.extensions().get::<Connection>();
    let refused = if uri.path() == "/metrics" {
        let caller = (request.headers(), connection);
        access::check(client, caller, uri.path()).await.err()
    } else {
        None
    };
    let found = match refused {
        Some(_) => None,
        None => {
            let query = uri.query().unwrap_or("");
            operations::answer(request.method(), uri.path(), query, (checks, registry))
        }
    };
    found.unwrap_or_else(|| {
        let code = refused.unwrap_or(StatusCode::NOT_FOUND);
        let text = code.canonical_reason().unwrap_or_default();
        let mut answer = Response::new(Full::new(Bytes::from(format!("{text}\n"))));
        *answer.status_mut() = code;
        answer
    })
}
