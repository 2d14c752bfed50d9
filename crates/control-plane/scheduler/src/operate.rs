//! From the command line to a running scheduler.

use std::sync::Arc;

use anyhow::Context as _;
use styr_base::{SharedClock, Shutdown, SystemClock, Tasks};
use styr_client::{Client, leader_election};
use styr_component::health::Checks;
use styr_component::metrics::Registry;
use styr_component::secure_serving::Served;

use crate::config::Config;
use crate::scheduler;

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
    let served = Served {
        checks: deps.checks.clone(),
        registry: deps.registry.clone(),
        reviewer: Arc::new(deps.client.clone()),
    };
    config
        .serving
        .start(served, &deps.shutdown, &serving)
        .await?;
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
