//! Upstream's flags and configuration file, as far as they are heeded.

mod file;

use std::path::PathBuf;

use styr_client::leader_election::Election;
use styr_component::Flags;
use styr_component::secure_serving::SecureServing;

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

/// The settings of a scheduler.
#[derive(Debug, Clone)]
pub struct Config {
    /// The credentials, for a process of its own.
    pub kubeconfig: Option<PathBuf>,
    /// With it, only the leader works.
    pub election: Option<Election>,
    /// Health and metrics.
    pub serving: SecureServing,
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
            election: leads.then(|| Election::from_flags(&flags)),
            serving: SecureServing::from_flags(&flags)?,
            verbosity: flags.int("v"),
            names,
        })
    }
}

fn path(flags: &Flags, name: &str) -> Option<PathBuf> {
    Some(flags.string(name))
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}
