//! From the command line to running controllers.

use std::sync::Arc;

use anyhow::Context as _;
use styr_base::{SharedClock, Shutdown, SystemClock, Tasks};
use styr_client::controller::Harness;
use styr_client::{Caches, Client, leader_election};
use styr_component::health::Checks;
use styr_component::metrics::Registry;
use styr_component::secure_serving::Served;

use crate::context::Context;
use crate::{Clients, Config, Deps, OneClient, ServiceAccounts, table};

/// Runs as a process: `args` is the command line without the program's name.
pub async fn command(args: Vec<String>, shutdown: Shutdown) -> anyhow::Result<()> {
    let config = Config::parse(args)?;
    styr_component::logs::init(config.verbosity);
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
    let controllers = table::select(&config.controllers)?;
    let serving = Tasks::new();
    let served = Served {
        checks: deps.checks.clone(),
        registry: deps.registry.clone(),
        reviewer: Arc::new(deps.clients.root()),
    };
    config
        .serving
        .start(served, &deps.shutdown, &serving)
        .await?;
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
        let context = Context::new(deps, &caches, config, controller);
        let registrations = (controller.build)(&context)
            .with_context(|| format!("could not start {}", controller.name))?;
        for registration in registrations {
            harness.start(registration);
        }
    }
    harness.join().await
}
