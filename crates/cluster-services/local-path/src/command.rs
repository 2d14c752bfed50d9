//! From the command line to running reconcilers.

use std::sync::Arc;

use k8s_openapi::api::core::v1::EventSource;
use styr_base::{SharedClock, Shutdown, SystemClock};
use styr_client::controller::Harness;
use styr_client::events::Recorder;
use styr_client::{Caches, Client, Scope};

use crate::config::{File, Options};
use crate::context::Context;
use crate::{claim, helper_pod, volume};

/// What the component is given by whoever runs it.
#[derive(Debug, Clone)]
pub struct Deps {
    /// Its connection.
    pub client: Client,
    /// Its time.
    pub clock: SharedClock,
    /// Its end.
    pub shutdown: Shutdown,
}

/// Runs as a process: `args` is the command line without the program's name.
pub async fn command(args: Vec<String>, shutdown: Shutdown) -> anyhow::Result<()> {
    let options = Options::parse(&args, std::env::var("POD_NAMESPACE").ok())?;
    let verbosity = if options.is_verbose { 4 } else { 0 };
    styr_component::logs::init(verbosity);
    // Said at the start rather than at the first claim.
    File::read(&options.config)?;
    let client = match &options.kubeconfig {
        Some(path) => Client::from_kubeconfig(path).await?,
        None => Client::in_cluster()?,
    };
    let deps = Deps {
        client,
        clock: SystemClock::shared(),
        shutdown,
    };
    run(options, deps).await
}

/// Runs until the shutdown.
pub async fn run(options: Options, deps: Deps) -> anyhow::Result<()> {
    let Deps {
        client,
        clock,
        shutdown,
    } = deps;
    let caches = Caches::new(client.clone(), Arc::clone(&clock), shutdown.clone());
    let source = EventSource {
        component: Some(options.provisioner.clone()),
        host: None,
    };
    let context = Context {
        recorder: Recorder::new(client.clone(), Arc::clone(&clock), shutdown, source),
        claims: caches.cache(Scope::all()),
        volumes: caches.cache(Scope::all()),
        classes: caches.cache(Scope::all()),
        nodes: caches.cache(Scope::all()),
        helpers: caches.cache(helper_pod::scope(&options.namespace)),
        options,
        client,
        clock,
    };
    let harness = Harness::new(caches, None);
    harness.start(claim::build(&context));
    harness.start(volume::build(&context));
    harness.join().await
}
