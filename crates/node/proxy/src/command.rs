//! Starts the proxy and feeds the worker with changes.

mod view;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::networking::v1::ServiceCIDR;
use styr_base::{Backoff, SharedClock, Shutdown, SystemClock, Tasks};
use styr_client::{Cache, Caches, Client, Key, Scope};
use styr_component::metrics::{Counter, Gauge, Histogram, Registry};
use styr_component::{logs, serve};
use styr_kernel::netns;

use crate::configuration::{Config, Local};
use crate::endpoints::{Place, ready_here};
use crate::health::{self, Health};
use crate::network;
use crate::rules::Frame;
use crate::service::health_check_port;
use crate::service_health::{Report, ServiceHealth};
use crate::worker::{Source, Worker, clean_up};
use view::{View, services_of};

/// The component's name.
pub const NAME: &str = "kube-proxy";

const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
/// Upstream takes a node with this taint out of load balancers.
const TO_BE_DELETED: &str = "ToBeDeletedByClusterAutoscaler";
/// Load balancers and scrapes.
const CONNECTIONS_MAX: usize = 64;
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(10);
/// Upstream's buckets: from a millisecond, doubling.
const SYNC_BUCKETS: &[f64] = &[
    0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096,
    8.192, 16.384,
];

/// What the proxy works with.
#[derive(Debug, Clone)]
pub struct Deps {
    pub client: Client,
    pub clock: SharedClock,
    pub shutdown: Shutdown,
}

/// Runs kube-proxy as its flags say.
pub async fn command(args: Vec<String>, shutdown: Shutdown) -> anyhow::Result<()> {
    let config = Config::parse(args)?;
    logs::init(config.verbosity);
    if config.is_cleanup {
        clean_up()?;
        return Ok(());
    }
    let client = match &config.kubeconfig {
        None => Client::in_cluster()?,
        Some(path) => {
            let mut settings = Client::config(path.as_ref()).await?;
            if let Some(server) = &config.server {
                settings.cluster_url = server.parse()?;
            }
            Client::from_config(settings)?
        }
    };
    let deps = Deps {
        client,
        clock: SystemClock::shared(),
        shutdown,
    };
    run(config, deps).await
}

/// Keeps the kernel's maps as the cluster's services want them, until the shutdown. The rules stay
/// when the proxy ends: a restart must not break connections.
pub async fn run(config: Config, deps: Deps) -> anyhow::Result<()> {
    for (name, value) in &config.sysctls {
        if let Err(error) = netns::set_sysctl(name, value) {
            tracing::warn!(%error, "connection tracking keeps its setting");
        }
    }
    let health = Health::new(Arc::clone(&deps.clock));
    let registry = Registry::new();
    let tasks = Tasks::new();
    if let Some(address) = config.health_address {
        let listener = listen(address).await?;
        let service = health::health_service(health.clone());
        tasks.spawn_infallible(serve::serve(listener, service, deps.shutdown.child()));
    }
    if let Some(address) = config.metrics_address {
        let listener = listen(address).await?;
        let service = health::metrics_service(registry.clone());
        tasks.spawn_infallible(serve::serve(listener, service, deps.shutdown.child()));
    }
    let (client, clock) = (deps.client.clone(), Arc::clone(&deps.clock));
    let caches = Caches::new(client, clock, deps.shutdown.clone());
    let loop_ = Loop::new(config, &caches, health, &registry)?;
    tokio::select! {
        outcome = loop_.run() => outcome,
        () = deps.shutdown.requested() => Ok(()),
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<serve::Listener> {
    Ok(serve::Listener {
        socket: serve::bind(address).await?,
        tls: None,
        connections_max: CONNECTIONS_MAX,
    })
}

struct Loop {
    config: Config,
    clock: SharedClock,
    view: View,
    nodes: Cache<Node>,
    service_networks: Cache<ServiceCIDR>,
    worker: Worker,
    health: Health,
    service_health: ServiceHealth,
    metrics: Metrics,
}

struct Metrics {
    duration: Histogram,
    last: Gauge,
    failures: Counter,
}

impl Loop {
    fn new(
        config: Config,
        caches: &Caches,
        health: Health,
        registry: &Registry,
    ) -> anyhow::Result<Self> {
        let frame = Frame {
            inside: match &config.local {
                Local::Networks(networks) => networks.clone(),
                Local::NodeNetworks => Vec::new(),
            },
            service_networks: Vec::new(),
            node_addresses: config.node_port_addresses.networks(None),
            masquerade_all: config.masquerade_all,
            masquerade_mark: 1 << config.masquerade_bit,
            affinities: BTreeSet::new(),
            source_prefixes: BTreeSet::new(),
        };
        let place = Place {
            node: config.node_name.clone(),
            zone: None,
            ip: None,
        };
        let own = format!("metadata.name={}", config.node_name);
        Ok(Self {
            clock: Arc::clone(caches.clock()),
            view: View::new(caches),
            nodes: caches.cache(Scope::all().fields(own)),
            service_networks: caches.cache(Scope::all()),
            service_health: ServiceHealth::new(health.clone(), frame.node_addresses.clone()),
            worker: Worker::new(frame, place)?,
            health,
            metrics: Metrics {
                duration: registry.histogram(
                    "kubeproxy_sync_proxy_rules_duration_seconds",
                    "SyncProxyRules latency in seconds",
                    &[],
                    SYNC_BUCKETS,
                ),
                last: registry.gauge(
                    "kubeproxy_sync_proxy_rules_last_timestamp_seconds",
                    "The last time proxy rules were successfully synced",
                    &[],
                ),
                failures: registry.counter(
                    "kubeproxy_sync_proxy_rules_nftables_sync_failures_total",
                    "Cumulative proxy nftables sync failures",
                    &[],
                ),
            },
            config,
        })
    }

    async fn run(mut self) -> anyhow::Result<()> {
        let mut services = self.view.services.subscribe();
        let mut slices = self.view.slices.subscribe();
        let mut nodes = self.nodes.subscribe();
        // Not waited for: a role made for an older proxy may not show them.
        let mut service_networks = self.service_networks.subscribe();
        self.view.services.synced().await;
        self.view.slices.synced().await;
        self.nodes.synced().await;
        let mut backoff = Backoff::new(RETRY_FIRST, RETRY_MAX);
        let mut dirty = BTreeSet::new();
        let mut is_node_dirty = false;
        loop {
            while let Some(change) = services.try_next() {
                dirty.extend(change.object().map(|service| Key::of(&**service)));
            }
            while let Some(change) = slices.try_next() {
                dirty.extend(services_of(&change));
            }
            while nodes.try_next().is_some() {
                is_node_dirty = true;
            }
            while service_networks.try_next().is_some() {}
            self.take_service_networks();
            if std::mem::take(&mut is_node_dirty) && self.take_node() {
                dirty.extend(self.worker.services());
            }
            let mut retry = None;
            if !dirty.is_empty() || self.worker.is_behind() {
                if self.apply(&dirty) {
                    backoff.reset();
                } else {
                    retry = Some(self.clock.sleep(backoff.next_wait()));
                }
                self.report(&dirty).await;
                dirty.clear();
            }
            let waited = async {
                match retry {
                    Some(sleep) => sleep.await,
                    None => std::future::pending().await,
                }
            };
            let is_over = tokio::select! {
                change = services.next() => change.map(|change| {
                    dirty.extend(change.object().map(|service| Key::of(&**service)));
                }).is_none(),
                change = slices.next() => change.map(|change| dirty.extend(services_of(&change))).is_none(),
                change = nodes.next() => {
                    is_node_dirty = true;
                    change.is_none()
                }
                change = service_networks.next() => change.is_none(),
                () = waited => false,
            };
            if is_over {
                return Ok(());
            }
        }
    }

    /// Tells load balancers how many endpoints of these services are here.
    async fn report(&mut self, dirty: &BTreeSet<Key>) {
        for key in dirty {
            let service = self.view.service(key);
            let port = service.and_then(|service| health_check_port(&service));
            let report = port.map(|port| Report {
                port,
                here: ready_here(&self.view.slices(key), self.worker.place()),
            });
            self.service_health.set(key, report).await;
        }
    }

    /// What no service has of these networks leads nowhere.
    fn take_service_networks(&mut self) {
        let all = self.service_networks.list();
        let texts = all
            .iter()
            .flat_map(|one| one.spec.iter().flat_map(|spec| &spec.cidrs));
        let networks: BTreeSet<_> = texts
            .flatten()
            .filter_map(|text| network::parse(text))
            .collect();
        self.worker
            .set_service_networks(networks.into_iter().collect());
    }

    /// Reads what matters of the own node; whether every service is concerned.
    fn take_node(&mut self) -> bool {
        let node = self.nodes.get(None, &self.config.node_name);
        let node = node.as_deref();
        let labels = node.and_then(|node| node.metadata.labels.as_ref());
        let spec = node.and_then(|node| node.spec.as_ref());
        let taints = spec
            .and_then(|spec| spec.taints.as_deref())
            .unwrap_or_default();
        let is_leaving = taints.iter().any(|taint| taint.key == TO_BE_DELETED)
            || node.is_some_and(|node| node.metadata.deletion_timestamp.is_some());
        self.health.eligible(node.is_some() && !is_leaving);
        if self.config.local == Local::NodeNetworks {
            let several = spec
                .into_iter()
                .flat_map(|spec| spec.pod_cidrs.iter().flatten());
            self.worker
                .set_inside(several.filter_map(|text| network::parse(text)).collect());
        }
        let addresses = self
            .config
            .node_port_addresses
            .networks(node.and_then(node_ip));
        let is_elsewhere = self.worker.set_node_addresses(addresses.clone());
        if is_elsewhere {
            self.service_health.set_addresses(addresses);
        }
        let is_other = self.worker.set_place(Place {
            node: self.config.node_name.clone(),
            zone: labels.and_then(|labels| labels.get(ZONE_LABEL)).cloned(),
            ip: node.and_then(node_ip),
        });
        is_other || is_elsewhere
    }

    fn apply(&mut self, dirty: &BTreeSet<Key>) -> bool {
        let start = self.clock.monotonic();
        let outcome = self.worker.update(&self.view, dirty);
        let took = self.clock.monotonic().saturating_sub(start);
        self.metrics.duration.observe(&[], took.as_secs_f64());
        match outcome {
            Ok(()) => {
                let now = self.clock.now().as_second();
                self.metrics
                    .last
                    .set(&[], f64::from(u32::try_from(now).unwrap_or(u32::MAX)));
                self.health.current();
                tracing::debug!(services = dirty.len(), ?took, "services are up to date");
                true
            }
            Err(error) => {
                self.metrics.failures.increment(&[]);
                self.health.behind();
                let error = anyhow::Error::from(error);
                tracing::warn!(error = format!("{error:#}"), "services are not up to date");
                false
            }
        }
    }
}

/// The address at which other nodes know this one; an internal address before others.
fn node_ip(node: &Node) -> Option<Ipv4Addr> {
    let addresses = node.status.as_ref()?.addresses.as_deref()?;
    ["InternalIP", "ExternalIP"].iter().find_map(|kind| {
        let of_kind = addresses.iter().filter(|address| address.type_ == *kind);
        of_kind
            .filter_map(|address| address.address.parse().ok())
            .next()
    })
}

#[cfg(test)]
mod tests;
