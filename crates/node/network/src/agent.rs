//! The node agent: routes to the other nodes' pods, masquerading, and the plugin's configuration.
//!
//! Watches Nodes, writes nothing to the API. Everything in the kernel follows from the list of
//! nodes: `plan` is pure, the rest makes it so and changes nothing the second time.

mod install;
mod masquerade;
mod plan;
mod routes;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Node;
use styr_base::{Backoff, SharedClock, Shutdown, SystemClock, Tasks};
use styr_client::{Cache, Caches, Client, Scope};
use styr_component::flags::{Flag, Flags};
use styr_component::health::Checks;
use styr_component::metrics::Registry;
use styr_component::{logs, operations, serve};

use plan::{Network, Plan};

/// The component's name.
pub const NAME: &str = "network-agent";

/// Probes and scrapes come one at a time.
const CONNECTIONS_MAX: usize = 16;
/// A kernel that refused once may accept when a link has come up.
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(10);

const FLAGS: [Flag; 10] = [
    flag("kubeconfig", "string", ""),
    flag("server", "string", ""),
    flag("node-name", "string", ""),
    flag("cluster-cidr", "strings", "[]"),
    flag("backend", "string", "auto"),
    flag("cni-conf-dir", "string", "/etc/cni/net.d"),
    flag("cni-bin-dir", "string", "/opt/cni/bin"),
    flag("healthz-bind-address", "ipport", "127.0.0.1:10261"),
    flag("v", "Level", "0"),
    flag("mtu", "int", "0"),
];

const fn flag(name: &'static str, kind: &'static str, default: &'static str) -> Flag {
    Flag {
        name,
        kind,
        default,
        no_value: "",
    }
}

/// How packets reach the pods of another node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// By its address where it is a neighbour, else through VXLAN.
    Auto,
    /// By its address, always.
    Route,
    /// Through VXLAN, always.
    Vxlan,
}

/// What the agent is told.
#[derive(Debug, Clone)]
pub struct Config {
    pub node_name: String,
    /// All pods of the cluster; without it, the sum of the nodes' networks.
    pub cluster_networks: Vec<(Ipv4Addr, u8)>,
    pub backend: Backend,
    pub configuration_folder: PathBuf,
    pub program_folder: PathBuf,
    /// The program that is installed as plugin: mostly this one.
    pub program: PathBuf,
    pub health_address: SocketAddr,
    /// Of the pods' links; without it, as large as the node's.
    pub mtu: Option<u32>,
}

/// What the agent works with.
#[derive(Debug, Clone)]
pub struct Deps {
    pub client: Client,
    pub clock: SharedClock,
    pub shutdown: Shutdown,
}

/// Runs the agent as its flags say.
pub async fn command(args: Vec<String>, shutdown: Shutdown) -> anyhow::Result<()> {
    let flags = Flags::parse_own(&FLAGS, args)?;
    logs::init(flags.int("v"));
    let config = Config::from_flags(&flags)?;
    let deps = Deps {
        client: client(&flags).await?,
        clock: SystemClock::shared(),
        shutdown,
    };
    run(config, deps).await
}

/// Services may not work yet when the agent starts, so the server is named or in the kubeconfig.
async fn client(flags: &Flags) -> anyhow::Result<Client> {
    let mut config = match flags.optional("kubeconfig") {
        Some(path) => Client::config(path.as_ref()).await?,
        None => kube::Config::incluster().context("could not find the pod's credentials")?,
    };
    if let Some(server) = flags.optional("server") {
        config.cluster_url = server
            .parse()
            .with_context(|| format!("could not read --server {server}"))?;
    }
    Client::from_config(config)
}

impl Config {
    fn from_flags(flags: &Flags) -> anyhow::Result<Self> {
        let node_name = flags
            .optional("node-name")
            .or_else(|| std::env::var("NODE_NAME").ok())
            .context("the node's name is in neither --node-name nor NODE_NAME")?;
        let backend = match flags.string("backend").as_str() {
            "auto" => Backend::Auto,
            "route" => Backend::Route,
            "vxlan" => Backend::Vxlan,
            other => anyhow::bail!("--backend {other:?} is none of auto, route, vxlan"),
        };
        let mut cluster_networks = Vec::new();
        for text in flags.strings("cluster-cidr") {
            // The other family's networks are not ours to route.
            if text.contains(':') {
                continue;
            }
            let network = plan::parse_network(&text)
                .with_context(|| format!("could not read --cluster-cidr {text}"))?;
            cluster_networks.push(network);
        }
        let health = flags.string("healthz-bind-address");
        Ok(Self {
            node_name,
            cluster_networks,
            backend,
            configuration_folder: flags.string("cni-conf-dir").into(),
            program_folder: flags.string("cni-bin-dir").into(),
            program: std::env::current_exe().context("could not find this program's file")?,
            health_address: health
                .parse()
                .with_context(|| format!("could not read --healthz-bind-address {health}"))?,
            mtu: u32::try_from(flags.int("mtu")).ok().filter(|mtu| *mtu > 0),
        })
    }
}

/// Keeps the node's network as the list of nodes wants it, until the shutdown.
pub async fn run(config: Config, deps: Deps) -> anyhow::Result<()> {
    let checks = Checks::new();
    let is_ready = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_ready);
    checks.add("network", move || {
        if seen.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err("the node's network is not set up yet".to_owned())
        }
    });
    let listener = serve::Listener {
        socket: serve::bind(config.health_address).await?,
        tls: None,
        connections_max: CONNECTIONS_MAX,
    };
    let service = operations::service(checks, Registry::new());
    let tasks = Tasks::new();
    tasks.spawn_infallible(serve::serve(listener, service, deps.shutdown.child()));
    let caches = Caches::new(
        deps.client.clone(),
        Arc::clone(&deps.clock),
        deps.shutdown.clone(),
    );
    let nodes: Cache<Node> = caches.cache(Scope::all());
    tokio::select! {
        outcome = follow(Arc::new(config), &deps, &nodes, &is_ready) => outcome,
        () = deps.shutdown.requested() => Ok(()),
    }
}

async fn follow(
    config: Arc<Config>,
    deps: &Deps,
    nodes: &Cache<Node>,
    is_ready: &AtomicBool,
) -> anyhow::Result<()> {
    let mut changes = nodes.subscribe();
    nodes.synced().await;
    let mut backoff = Backoff::new(RETRY_FIRST, RETRY_MAX);
    let mut applied: Option<Plan> = None;
    loop {
        let wanted = plan::plan(&nodes.list(), &config.node_name, &config.cluster_networks);
        let mut retry = None;
        match wanted {
            None => tracing::debug!("this node has no podCIDR or address yet"),
            Some(wanted) if applied.as_ref() == Some(&wanted) => {}
            Some(wanted) => {
                let (config, plan) = (Arc::clone(&config), wanted.clone());
                let outcome = tokio::task::spawn_blocking(move || apply(&config, &plan)).await?;
                match outcome {
                    Ok(()) => {
                        tracing::info!(peers = wanted.peers.len(), "network is set up");
                        is_ready.store(true, Ordering::Relaxed);
                        applied = Some(wanted);
                        backoff.reset();
                    }
                    Err(error) => {
                        tracing::warn!(error = format!("{error:#}"), "network is not set up");
                        retry = Some(deps.clock.sleep(backoff.next_wait()));
                    }
                }
            }
        }
        tokio::select! {
            change = changes.next() => if change.is_none() { return Ok(()) },
            () = async { match retry { Some(wait) => wait.await, None => std::future::pending().await } } => {}
        }
    }
}

/// Makes the kernel and the files as planned. The configuration comes last: it tells the runtime
/// that pods may be made.
fn apply(config: &Config, plan: &Plan) -> anyhow::Result<()> {
    routes::allow_forwarding()?;
    let mtu = routes::apply(plan, config.backend)?;
    masquerade::apply(plan)?;
    install::program(&config.program, &config.program_folder)?;
    let Network(ip, prefix) = plan.own;
    let mtu = config.mtu.unwrap_or(mtu);
    install::configuration(&config.configuration_folder, &format!("{ip}/{prefix}"), mtu)
}

#[cfg(test)]
pub(crate) fn allow_forwarding_for_tests() {
    routes::allow_forwarding().expect("namespaces of tests are writable");
}

#[cfg(test)]
mod tests;
