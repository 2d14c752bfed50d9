//! From the command line to running controllers.

use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use styr_base::{SharedClock, Shutdown, SystemClock, Tasks};
use styr_client::controller::Harness;
use styr_client::{Caches, Client, leader_election};
use styr_component::health::Checks;
use styr_component::metrics::Registry;
use styr_component::operations;
use styr_component::serve::{Connection, Listener, bind, handler, serve};

use crate::config::Serving;
use crate::context::Context;
use crate::{Clients, Config, Deps, OneClient, ServiceAccounts, table};

mod access;
mod tls;

/// Scrapers and probes; more connections than that are not for health.
const CONNECTIONS_MAX: usize = 64;

/// Runs as a process: `args` is the command line without the program's name.
pub async fn command(args: Vec<String>, shutdown: Shutdown) -> anyhow::Result<()> {
    let config = Config::parse(args)?;
    let clock = SystemClock::shared();
    let clients = connect(&config, &clock).await?;
    let deps = Deps {
        clients,
        clock,
        shutdown,
        registry: Registry::new(),
        checks: Checks::new(),
    };
    run(config, deps).await
}

async fn connect(config: &Config, clock: &SharedClock) -> anyhow::Result<Arc<dyn Clients>> {
    let path = config.kubeconfig.as_ref();
    let path = path.context("--kubeconfig is required: it names the API server")?;
    let settings = Client::config(path).await?;
    let root = Client::from_config(settings.clone())?;
    if !config.use_service_account_credentials {
        return Ok(Arc::new(OneClient(root)));
    }
    let mut bare = settings;
    bare.auth_info = kube::config::AuthInfo::default();
    Ok(Arc::new(ServiceAccounts {
        root,
        anonymous: Client::from_config(bare)?,
        clock: Arc::clone(clock),
    }))
}

/// Runs until `deps.shutdown` is requested or the lead is lost.
pub async fn run(config: Config, deps: Deps) -> anyhow::Result<()> {
    let (controllers, missing) = table::select(&config.controllers).map_err(|unknown| {
        anyhow::anyhow!(
            "--controllers names what does not exist: {}",
            unknown.0.join(", ")
        )
    })?;
    for name in missing {
        tracing::warn!(controller = name, "not implemented, and so not started");
    }
    let serving = Tasks::new();
    if config.serving.port != 0 {
        start_serving(&config.serving, &deps, &serving).await?;
    }
    let config = Arc::new(config);
    let client = deps.clients.root();
    let work = |shutdown: Shutdown| {
        let (config, deps) = (Arc::clone(&config), deps.clone());
        async move { control(&config, &deps, &controllers, shutdown).await }
    };
    match &config.election {
        None => work(deps.shutdown.child()).await,
        Some(election) => {
            let parts = (&client, &deps.clock);
            leader_election::lead(parts, election, &deps.shutdown, work).await
        }
    }
}

async fn control(
    config: &Arc<Config>,
    deps: &Deps,
    controllers: &[&'static table::Controller],
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let caches = Caches::new(deps.clients.root(), Arc::clone(&deps.clock), shutdown);
    let harness = Harness::new(caches.clone(), Some(deps.registry.clone()));
    for controller in controllers {
        let context = Context::new(deps, &caches, config, controller.account);
        let registrations = (controller.build)(&context)
            .with_context(|| format!("could not start {}", controller.name))?;
        for registration in registrations {
            harness.start(registration);
        }
    }
    harness.join().await
}

async fn start_serving(serving: &Serving, deps: &Deps, tasks: &Tasks) -> anyhow::Result<()> {
    let socket = bind((serving.address, serving.port).into()).await?;
    let listener = Listener {
        socket,
        tls: Some(tls::server(serving)?),
        connections_max: CONNECTIONS_MAX,
    };
    let (checks, registry) = (deps.checks.clone(), deps.registry.clone());
    let client = deps.clients.root();
    let service = handler(move |request: Request<Incoming>| {
        let parts = (checks.clone(), registry.clone(), client.clone());
        async move { answer(&request, &parts).await }
    });
    let shutdown = deps.shutdown.clone();
    tasks.spawn_infallible(serve(listener, service, shutdown));
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
