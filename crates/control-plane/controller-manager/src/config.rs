//! Upstream's flags of the controller manager, as far as they are heeded.

use std::path::PathBuf;
use std::time::Duration;

use styr_client::leader_election::Election;
use styr_component::Flags;
use styr_component::secure_serving::SecureServing;

/// Flags that change what this component does. All others are accepted only at their default.
const HEEDED: &[&str] = &[
    "allocate-node-cidrs",
    "authentication-kubeconfig",
    "authorization-kubeconfig",
    "bind-address",
    "cert-dir",
    "client-ca-file",
    "cluster-cidr",
    "cluster-name",
    "cluster-signing-cert-file",
    "cluster-signing-duration",
    "cluster-signing-key-file",
    "concurrent-cron-job-syncs",
    "concurrent-daemonset-syncs",
    "concurrent-deployment-syncs",
    "concurrent-disruption-syncs",
    "concurrent-endpoint-syncs",
    "concurrent-ephemeralvolume-syncs",
    "concurrent-gc-syncs",
    "concurrent-job-syncs",
    "concurrent-ttl-after-finished-syncs",
    "concurrent-namespace-syncs",
    "concurrent-rc-syncs",
    "concurrent-replicaset-syncs",
    "concurrent-service-endpoint-syncs",
    "concurrent-serviceaccount-token-syncs",
    "concurrent-statefulset-syncs",
    "configure-cloud-routes",
    "controllers",
    "help",
    "kube-api-burst",
    "kube-api-qps",
    "kubeconfig",
    "leader-elect",
    "leader-elect-lease-duration",
    "leader-elect-renew-deadline",
    "leader-elect-resource-name",
    "leader-elect-resource-namespace",
    "leader-elect-retry-period",
    "max-endpoints-per-slice",
    "mirroring-concurrent-service-endpoint-syncs",
    "mirroring-max-endpoints-per-subset",
    "node-cidr-mask-size",
    "node-cidr-mask-size-ipv4",
    "node-cidr-mask-size-ipv6",
    "node-monitor-grace-period",
    "node-monitor-period",
    "node-startup-grace-period",
    "profiling",
    "requestheader-allowed-names",
    "requestheader-client-ca-file",
    "root-ca-file",
    "secure-port",
    "service-account-private-key-file",
    "service-cluster-ip-range",
    "terminated-pod-gc-threshold",
    "tls-cert-file",
    "tls-private-key-file",
    "use-service-account-credentials",
    "v",
];

/// How many names each controller works on at a time.
#[derive(Debug, Clone)]
pub(crate) struct Concurrency {
    pub(crate) budgets: usize,
    pub(crate) cron_jobs: usize,
    pub(crate) daemon_sets: usize,
    pub(crate) deployments: usize,
    pub(crate) endpoints: usize,
    pub(crate) ephemeral_volumes: usize,
    pub(crate) garbage: usize,
    pub(crate) jobs: usize,
    pub(crate) finished: usize,
    pub(crate) mirrored_endpoints: usize,
    pub(crate) namespaces: usize,
    pub(crate) replica_sets: usize,
    pub(crate) replication_controllers: usize,
    pub(crate) services: usize,
    pub(crate) stateful_sets: usize,
    pub(crate) tokens: usize,
}

/// The settings of a controller manager.
#[derive(Debug, Clone)]
pub struct Config {
    /// The root credentials, for a process of its own.
    pub kubeconfig: Option<PathBuf>,
    /// `*`, `name`, `-name`.
    pub controllers: Vec<String>,
    /// Every controller writes as a service account of its own.
    pub use_service_account_credentials: bool,
    /// With it, only the leader works.
    pub election: Option<Election>,
    /// Health and metrics.
    pub serving: SecureServing,
    /// Log verbosity.
    pub verbosity: i64,
    pub(crate) concurrency: Concurrency,
    pub(crate) allocate_node_cidrs: bool,
    pub(crate) cluster_cidrs: Vec<String>,
    pub(crate) service_cidrs: Vec<String>,
    pub(crate) mask_ipv4: u8,
    pub(crate) mask_ipv6: u8,
    pub(crate) signing: Option<(PathBuf, PathBuf)>,
    pub(crate) signing_duration: Duration,
    pub(crate) root_ca: Option<PathBuf>,
    /// Signs the tokens that are kept in Secrets.
    pub(crate) token_key: Option<PathBuf>,
    pub(crate) node_grace: Duration,
    pub(crate) node_startup_grace: Duration,
    pub(crate) terminated_pods_max: usize,
    pub(crate) endpoints_per_slice_max: usize,
    pub(crate) mirrored_per_subset_max: usize,
}

impl Config {
    /// Reads the command line, without the program's name.
    pub fn parse(args: impl IntoIterator<Item = String>) -> anyhow::Result<Self> {
        let flags = Flags::parse(crate::NAME, HEEDED, args)?;
        Ok(Self {
            kubeconfig: path(&flags, "kubeconfig"),
            controllers: flags.strings("controllers"),
            use_service_account_credentials: flags.bool("use-service-account-credentials"),
            election: flags
                .bool("leader-elect")
                .then(|| Election::from_flags(&flags)),
            serving: SecureServing::from_flags(&flags)?,
            verbosity: flags.int("v"),
            concurrency: concurrency(&flags),
            allocate_node_cidrs: flags.bool("allocate-node-cidrs"),
            cluster_cidrs: cidrs(&flags, "cluster-cidr"),
            service_cidrs: cidrs(&flags, "service-cluster-ip-range"),
            mask_ipv4: mask(&flags, "node-cidr-mask-size-ipv4", 24),
            mask_ipv6: mask(&flags, "node-cidr-mask-size-ipv6", 64),
            signing: pair(
                &flags,
                "cluster-signing-cert-file",
                "cluster-signing-key-file",
            ),
            signing_duration: flags.duration("cluster-signing-duration"),
            root_ca: path(&flags, "root-ca-file"),
            token_key: path(&flags, "service-account-private-key-file"),
            node_grace: flags.duration("node-monitor-grace-period"),
            node_startup_grace: flags.duration("node-startup-grace-period"),
            terminated_pods_max: count(&flags, "terminated-pod-gc-threshold"),
            endpoints_per_slice_max: count(&flags, "max-endpoints-per-slice").clamp(1, 1000),
            mirrored_per_subset_max: count(&flags, "mirroring-max-endpoints-per-subset")
                .clamp(1, 1000),
        })
    }
}

fn concurrency(flags: &Flags) -> Concurrency {
    Concurrency {
        budgets: count(flags, "concurrent-disruption-syncs"),
        cron_jobs: count(flags, "concurrent-cron-job-syncs"),
        daemon_sets: count(flags, "concurrent-daemonset-syncs"),
        deployments: count(flags, "concurrent-deployment-syncs"),
        endpoints: count(flags, "concurrent-endpoint-syncs"),
        ephemeral_volumes: count(flags, "concurrent-ephemeralvolume-syncs"),
        garbage: count(flags, "concurrent-gc-syncs"),
        jobs: count(flags, "concurrent-job-syncs"),
        finished: count(flags, "concurrent-ttl-after-finished-syncs"),
        mirrored_endpoints: count(flags, "mirroring-concurrent-service-endpoint-syncs"),
        namespaces: count(flags, "concurrent-namespace-syncs"),
        replica_sets: count(flags, "concurrent-replicaset-syncs"),
        replication_controllers: count(flags, "concurrent-rc-syncs"),
        services: count(flags, "concurrent-service-endpoint-syncs"),
        tokens: count(flags, "concurrent-serviceaccount-token-syncs"),
        stateful_sets: count(flags, "concurrent-statefulset-syncs"),
    }
}

fn path(flags: &Flags, name: &str) -> Option<PathBuf> {
    Some(flags.string(name))
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

fn pair(flags: &Flags, certificate: &str, key: &str) -> Option<(PathBuf, PathBuf)> {
    path(flags, certificate).zip(path(flags, key))
}

fn count(flags: &Flags, name: &str) -> usize {
    usize::try_from(flags.int(name)).unwrap_or(0)
}

fn cidrs(flags: &Flags, name: &str) -> Vec<String> {
    let text = flags.string(name);
    text.split(',')
        .filter(|cidr| !cidr.is_empty())
        .map(str::to_owned)
        .collect()
}

fn mask(flags: &Flags, name: &str, default: u8) -> u8 {
    let general = flags.int("node-cidr-mask-size");
    let special = flags.int(name);
    let chosen = if special > 0 { special } else { general };
    u8::try_from(chosen)
        .ok()
        .filter(|mask| *mask > 0)
        .unwrap_or(default)
}
