//! Upstream's flags and configuration file, as far as they are heeded.

mod file;

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use styr_client::leader_election::Election;
use styr_component::Flags;

/// Flags that change what this component does. All others are accepted only at their default.
const HEEDED: &[&str] = &[
    "authentication-kubeconfig",
    "authorization-kubeconfig",
    "bind-address",
    "cert-dir",
    "client-ca-file",
    "config",
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
    "profiling",
    "requestheader-allowed-names",
    "requestheader-client-ca-file",
    "secure-port",
    "tls-cert-file",
    "tls-private-key-file",
    "v",
];

/// Who schedules, if nobody says otherwise.
const DEFAULT: &str = "default-scheduler";

/// Where health and metrics are served.
#[derive(Debug, Clone)]
pub struct Serving {
    /// The address to listen on.
    pub address: IpAddr,
    /// 0 for not at all.
    pub port: u16,
    /// Without a pair, one is made up at the start.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Whose certificates may read the metrics.
    pub client_ca: Option<PathBuf>,
}

/// The settings of a scheduler.
#[derive(Debug, Clone)]
pub struct Config {
    /// The credentials, for a process of its own.
    pub kubeconfig: Option<PathBuf>,
    /// With it, only the leader works.
    pub election: Option<Election>,
    /// Health and metrics.
    pub serving: Serving,
    /// Log verbosity.
    pub verbosity: i64,
    /// The names under which pods ask for this scheduler.
    pub names: Vec<String>,
}

impl Config {
    /// Reads the command line, without the program's name, and the file that it names.
    pub fn parse(args: impl IntoIterator<Item = String>) -> anyhow::Result<Self> {
        let flags = Flags::parse(crate::NAME, HEEDED, args)?;
        let file = match path(&flags, "config") {
            Some(path) => file::read(&path)?,
            None => file::File::default(),
        };
        // Flags about what the file says as well do not count beside one, as upstream has it.
        let leads = file
            .leader_elect
            .unwrap_or_else(|| flags.bool("leader-elect"));
        let names = if file.names.is_empty() {
            vec![DEFAULT.to_owned()]
        } else {
            file.names
        };
        Ok(Self {
            kubeconfig: file.kubeconfig.or_else(|| path(&flags, "kubeconfig")),
            election: leads.then(|| election(&flags)),
            serving: serving(&flags)?,
            verbosity: flags.int("v"),
            names,
        })
    }
}

fn election(flags: &Flags) -> Election {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Election {
        namespace: flags.string("leader-elect-resource-namespace"),
        name: flags.string("leader-elect-resource-name"),
        identity: format!("{}_{}", host.trim(), uuid::Uuid::new_v4()),
        lease_duration: flags.duration("leader-elect-lease-duration"),
        renew_deadline: flags.duration("leader-elect-renew-deadline"),
        retry_period: flags.duration("leader-elect-retry-period"),
    }
}

fn serving(flags: &Flags) -> anyhow::Result<Serving> {
    let port = flags.int("secure-port");
    let port = u16::try_from(port).with_context(|| format!("--secure-port {port} is no port"))?;
    let address = flags.string("bind-address");
    let address = address.parse();
    Ok(Serving {
        address: address.context("--bind-address is no IP address")?,
        port,
        certificate: path(flags, "tls-cert-file").zip(path(flags, "tls-private-key-file")),
        client_ca: path(flags, "client-ca-file"),
    })
}

fn path(flags: &Flags, name: &str) -> Option<PathBuf> {
    Some(flags.string(name))
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}
