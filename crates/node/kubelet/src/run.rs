//! Puts the parts of a kubelet together and runs them until told to stop. Pods go on without it.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::{EventSource, Node, Pod};
use styr_base::{Outage, SharedClock, Shutdown, SystemClock, Tasks};
use styr_client::events::Recorder;
use styr_client::{Cache, Caches, Client, Scope};
use styr_component::serve;
use tokio::sync::watch;

use crate::cgroups::Cgroups;
use crate::config::Config;
use crate::events::Events;
use crate::launch::dns::{self, Resolver};
use crate::machine::Machine;
use crate::objects::Objects;
use crate::pods::{Pods, Table};
use crate::runtime::Runtime;
use crate::shared::{Server, Shared};
use crate::volumes::token::Tokens;
use crate::{eviction, node, runtime_events, server};

/// What a kubelet is given.
#[derive(Debug)]
pub struct Deps {
    /// Of the API server; without one, only static pods run.
    pub client: Option<Client>,
    pub clock: SharedClock,
    pub shutdown: Shutdown,
}

/// Runs as told by a command line.
pub async fn command(args: Vec<String>, shutdown: Shutdown) -> anyhow::Result<()> {
    let (config, verbosity) = Config::from_args(args)?;
    styr_component::logs::init(verbosity);
    let clock = SystemClock::shared();
    let connect = server::bootstrap::connect(&config, &clock);
    let connected = tokio::select! {
        connected = connect => connected?,
        () = shutdown.requested() => return Ok(()),
    };
    let (client, rotation) = connected.unzip();
    let tasks = Tasks::new();
    if let Some(rotation) = rotation.flatten() {
        tasks.spawn_infallible(rotation.run(clock.clone()));
    }
    run(
        config,
        Deps {
            client,
            clock,
            shutdown,
        },
    )
    .await
}

/// Runs until `deps.shutdown` is requested.
pub async fn run(config: Config, deps: Deps) -> anyhow::Result<()> {
    let Deps {
        client,
        clock,
        shutdown,
    } = deps;
    make_directories(&config)?;
    let runtime = Runtime::connect(&config.runtime_endpoint)?;
    let socket = serve::bind(config.address).await?;
    let port = socket
        .local_addr()
        .context("could not read the port")?
        .port();
    let caches = client
        .clone()
        .map(|client| Caches::new(client, clock.clone(), shutdown.clone()));
    let shared = Arc::new(share(
        config,
        &clock,
        (client, caches.clone()),
        runtime,
        &shutdown,
    )?);
    let tasks = Tasks::new();
    let table = Table::default();
    let manager = eviction::Manager::new(Arc::clone(&shared));
    tasks.spawn_infallible(node::allocatable::run(Arc::clone(&shared)));
    let mut nodes = None;
    if let (Some(api), Some(caches)) = (&shared.server, &caches) {
        let name = &shared.config.node_name;
        let cache: Cache<Node> = caches.cache(Scope::all().fields(format!("metadata.name={name}")));
        let port = i32::from(port);
        tasks.spawn_infallible(node::run(Arc::clone(&shared), api.client.clone(), port));
        let lease = node::lease::run(Arc::clone(&shared), api.client.clone(), cache.clone());
        tasks.spawn_infallible(lease);
        nodes = Some(cache);
    }
    // The first part of container ids has to be known before any pod is looked at.
    await_runtime(&shared, &shutdown).await;
    let events = runtime_events::run(shared.runtime.clone(), table.clone(), clock.clone());
    tasks.spawn_infallible(events);
    tasks.spawn_infallible(manager.run(table.clone()));
    let pods = Pods::new(Arc::clone(&shared), table.clone(), nodes);
    tasks.spawn_infallible(pods.run());
    tasks.spawn_infallible(server::log_rotation::run(Arc::clone(&shared)));
    let served = server::run(Arc::clone(&shared), table, socket, shutdown.clone());
    served.await?;
    shutdown.requested().await;
    drop(tasks);
    Ok(())
}

fn make_directories(config: &Config) -> anyhow::Result<()> {
    let root = &config.root_dir;
    let pods = root.join("pods");
    let all = [
        root,
        &pods,
        &config.pod_logs_dir,
        &config.container_logs_dir,
        &config.cert_dir,
    ];
    for path in all {
        std::fs::create_dir_all(path)
            .with_context(|| format!("could not create {}", path.display()))?;
    }
    Ok(())
}

fn share(
    config: Config,
    clock: &SharedClock,
    (client, caches): (Option<Client>, Option<Caches>),
    runtime: Runtime,
    shutdown: &Shutdown,
) -> anyhow::Result<Shared> {
    let name = config.node_name.clone();
    let server = client.clone().zip(caches.clone()).map(|(client, caches)| {
        let scope = Scope::all().fields(format!("spec.nodeName={name}"));
        Server {
            client,
            pods: caches.cache::<Pod>(scope),
        }
    });
    let source = EventSource {
        component: Some(crate::NAME.into()),
        host: Some(name.clone()),
    };
    let events = client.clone().map(|client| {
        let recorder = Recorder::new(client, clock.clone(), shutdown.clone(), source);
        Events::new(recorder, &name)
    });
    let objects = client
        .zip(caches)
        .map(|(client, caches)| Objects::new(client, caches));
    let ip = match config.node_ip {
        Some(ip) => ip,
        None => own_address().context("could not find the node's address; use --node-ip")?,
    };
    let host = match &config.resolv_conf {
        Some(path) => dns::parse(&std::fs::read_to_string(path).unwrap_or_default()),
        None => styr_cri::v1::DnsConfig::default(),
    };
    Ok(Shared {
        machine: Machine::read(&config),
        cgroups: Cgroups::detect(&config.cgroup_root, config.cgroup_driver),
        resolver: Resolver {
            cluster_servers: config.cluster_dns.clone(),
            cluster_domain: config.cluster_domain.clone(),
            host,
        },
        config,
        clock: clock.clone(),
        runtime,
        objects: objects.unwrap_or_default(),
        tokens: Tokens::default(),
        events: events.unwrap_or_default(),
        host_ips: vec![ip.to_string()],
        pressures: watch::Sender::default(),
        server,
    })
}

/// The address from which packets to elsewhere leave. Nothing is sent.
fn own_address() -> anyhow::Result<IpAddr> {
    let table = std::fs::read_to_string(Path::new("/proc/net/route")).unwrap_or_default();
    let has_default = table
        .lines()
        .skip(1)
        .any(|line| line.split_whitespace().nth(1) == Some("00000000"));
    if !has_default {
        return Ok(IpAddr::from([127, 0, 0, 1]));
    }
    let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
    socket.connect("192.0.2.1:9")?;
    Ok(socket.local_addr()?.ip())
}

async fn await_runtime(shared: &Shared, shutdown: &Shutdown) {
    let mut backoff = styr_base::Backoff::new(
        std::time::Duration::from_millis(20),
        std::time::Duration::from_secs(1),
    );
    let mut outage = Outage::default();
    loop {
        match shared.runtime.facts().await {
            Ok(_) => return,
            Err(status) => {
                let now = shared.clock.monotonic();
                outage.failed(now, "could not reach the runtime", &status.message());
            }
        }
        tokio::select! {
            () = shared.clock.sleep(backoff.next_wait()) => {}
            () = shutdown.requested() => return,
        }
    }
}
