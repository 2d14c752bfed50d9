//! A cluster's configuration: kind's own `kind.x-k8s.io/v1alpha4` files.
//!
//! What kind knows and this tool does not support is an error that names the field; nothing is
//! ignored. See <https://kind.sigs.k8s.io/docs/user/configuration/>.

mod cidr;
mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use cidr::Cidr;
use file::{File, NodeEntry};

/// More nodes than this would exhaust the bridge's addresses.
const NODES_MAX: usize = 100;
/// Cluster names become parts of links, cgroups and paths.
const NAME_LENGTH_MAX: usize = 50;

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not YAML, or not of this shape.
    #[error("could not read the configuration: {0}")]
    Syntax(String),
    /// Another kind of file.
    #[error("unknown apiVersion {0:?}: this tool reads kind.x-k8s.io/v1alpha4")]
    Version(String),
    /// Known to kind, not supported here.
    #[error("field {0} is not supported; remove it from the configuration")]
    Unsupported(String),
    /// A value that makes no sense.
    #[error("field {field} is invalid: {reason}")]
    Invalid {
        /// Path of the field.
        field: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the control plane; kind's default.
    #[default]
    ControlPlane,
    /// Runs applications.
    Worker,
}

/// TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize, Serialize)]
pub enum Protocol {
    /// The default.
    #[default]
    #[serde(alias = "tcp")]
    TCP,
    /// Datagrams.
    #[serde(alias = "udp")]
    UDP,
}

/// A port of the host that leads to a port of a node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortMapping {
    /// At the node.
    pub container_port: u16,
    /// At the host; 0, -1 or absent: any free one.
    #[serde(default, deserialize_with = "file::host_port")]
    pub host_port: u16,
    /// At the host; all addresses by default.
    #[serde(default = "any_address")]
    pub listen_address: IpAddr,
    /// TCP by default.
    #[serde(default)]
    pub protocol: Protocol,
}

fn any_address() -> IpAddr {
    IpAddr::V4(Ipv4Addr::UNSPECIFIED)
}

/// A folder of the host that is visible in a node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mount {
    /// At the host.
    pub host_path: PathBuf,
    /// In the node.
    pub container_path: PathBuf,
    /// Not writable in the node.
    #[serde(default)]
    pub read_only: bool,
    /// How mounts below it travel.
    #[serde(default)]
    pub propagation: Propagation,
    #[serde(default)]
    pub(crate) selinux_relabel: bool,
}

/// Mount propagation, in kind's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Propagation {
    /// Private.
    #[default]
    None,
    /// Mounts of the host appear in the node.
    HostToContainer,
    /// Both ways.
    Bidirectional,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `NAME-control-plane`, `NAME-worker`, `NAME-worker2` ...
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Labels that it registers with.
    pub labels: BTreeMap<String, String>,
    /// Folders of the host.
    pub mounts: Vec<Mount>,
    /// Ports of the host.
    pub ports: Vec<PortMapping>,
}

/// A whole cluster, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Name of the cluster; the context of its kubeconfig is `kind-NAME`.
    pub name: String,
    /// The control plane first.
    pub nodes: Vec<Node>,
    /// Where the API server answers at the host.
    pub api_server_address: IpAddr,
    /// 0: any free port.
    pub api_server_port: u16,
    /// Addresses of pods.
    pub pod_subnet: Cidr,
    /// Addresses of services.
    pub service_subnet: Cidr,
    /// Leaves the pod network to the user.
    pub disable_default_cni: bool,
}

impl Config {
    /// One control plane and nothing else, as kind makes without a file.
    pub fn single(name: &str) -> Result<Self, ConfigError> {
        Self::parse(
            "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n",
            Some(name),
        )
    }

    /// Reads and checks a file; `name` from the command line wins over the file's.
    pub fn parse(text: &str, name: Option<&str>) -> Result<Self, ConfigError> {
        let file: File =
            serde_saphyr::from_str(text).map_err(|error| ConfigError::Syntax(error.to_string()))?;
        if file.kind != "Cluster" || file.api_version != "kind.x-k8s.io/v1alpha4" {
            return Err(ConfigError::Version(format!(
                "{}, kind={}",
                file.api_version, file.kind
            )));
        }
        file.refuse_unsupported()?;
        let name = name.or(file.name.as_deref()).unwrap_or("kind").to_owned();
        check_name(&name)?;
        let networking = &file.networking;
        let config = Self {
            nodes: nodes(&name, file.nodes)?,
            name,
            api_server_address: networking
                .api_server_address
                .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            api_server_port: port(networking.api_server_port)?,
            pod_subnet: subnet("podSubnet", &networking.pod_subnet, "10.244.0.0/16")?,
            service_subnet: subnet("serviceSubnet", &networking.service_subnet, "10.96.0.0/16")?,
            disable_default_cni: networking.disable_default_cni,
        };
        config.check_subnets()?;
        Ok(config)
    }

    fn check_subnets(&self) -> Result<(), ConfigError> {
        if self.pod_subnet.overlaps(self.service_subnet) {
            let reason = format!("overlaps serviceSubnet {}", self.service_subnet);
            return Err(invalid("networking.podSubnet", reason));
        }
        // Each node gets a /24 out of the pod subnet.
        if self.pod_subnet.prefix() > 24 || self.pod_subnet.subnets(24) < self.nodes.len() {
            let reason = "too small: each node needs a /24 of it".to_owned();
            return Err(invalid("networking.podSubnet", reason));
        }
        if self.service_subnet.prefix() > 28 || self.service_subnet.prefix() < 8 {
            let reason = "give a prefix of 8 to 28 bits".to_owned();
            return Err(invalid("networking.serviceSubnet", reason));
        }
        Ok(())
    }

    /// The node that runs the control plane.
    pub fn control_plane(&self) -> &Node {
        &self.nodes[0]
    }
}

fn invalid(field: impl Into<String>, reason: impl Into<String>) -> ConfigError {
    ConfigError::Invalid {
        field: field.into(),
        reason: reason.into(),
    }
}

fn check_name(name: &str) -> Result<(), ConfigError> {
    let fits = !name.is_empty()
        && name.len() <= NAME_LENGTH_MAX
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
        && !name.starts_with(['-', '.'])
        && !name.ends_with(['-', '.']);
    if fits {
        return Ok(());
    }
    let reason = format!(
        "{name:?} is not a valid cluster name: use at most {NAME_LENGTH_MAX} lower-case letters, \
         digits, '-' and '.', with a letter or a digit at both ends"
    );
    Err(invalid("name", reason))
}

fn nodes(cluster: &str, mut entries: Vec<NodeEntry>) -> Result<Vec<Node>, ConfigError> {
    if entries.is_empty() {
        entries.push(NodeEntry::default());
    }
    if entries.len() > NODES_MAX {
        return Err(invalid("nodes", format!("at most {NODES_MAX} nodes")));
    }
    let planes = entries
        .iter()
        .filter(|entry| entry.role == Role::ControlPlane)
        .count();
    if planes != 1 {
        let reason = format!("one node must have the role control-plane, not {planes}");
        return Err(invalid("nodes", reason));
    }
    entries.sort_by_key(|entry| entry.role == Role::Worker);
    let mut workers = 0;
    let mut taken = BTreeSet::new();
    let mut nodes = Vec::with_capacity(entries.len());
    for entry in entries {
        check_ports(&entry.extra_port_mappings, &mut taken)?;
        check_mounts(&entry.extra_mounts)?;
        let name = match entry.role {
            Role::ControlPlane => format!("{cluster}-control-plane"),
            Role::Worker => {
                workers += 1;
                let number = if workers == 1 {
                    String::new()
                } else {
                    workers.to_string()
                };
                format!("{cluster}-worker{number}")
            }
        };
        let (mounts, ports) = (entry.extra_mounts, entry.extra_port_mappings);
        nodes.push(Node {
            name,
            role: entry.role,
            labels: entry.labels,
            mounts,
            ports,
        });
    }
    Ok(nodes)
}

fn check_ports(
    ports: &[PortMapping],
    taken: &mut BTreeSet<(IpAddr, u16, Protocol)>,
) -> Result<(), ConfigError> {
    for port in ports {
        if port.container_port == 0 {
            return Err(invalid(
                "extraPortMappings[].containerPort",
                "must be 1 to 65535",
            ));
        }
        let key = (port.listen_address, port.host_port, port.protocol);
        if port.host_port != 0 && !taken.insert(key) {
            let reason = format!("port {} is mapped twice", port.host_port);
            return Err(invalid("extraPortMappings[].hostPort", reason));
        }
    }
    Ok(())
}

fn check_mounts(mounts: &[Mount]) -> Result<(), ConfigError> {
    match mounts
        .iter()
        .find(|mount| !mount.container_path.is_absolute())
    {
        None => Ok(()),
        Some(mount) => {
            let reason = format!("{} must be absolute", mount.container_path.display());
            Err(invalid("extraMounts[].containerPath", reason))
        }
    }
}

fn port(port: Option<i32>) -> Result<u16, ConfigError> {
    match port {
        // kind: -1 lets the engine choose, as 0 does.
        None | Some(-1) => Ok(0),
        Some(port) => u16::try_from(port)
            .map_err(|_| invalid("networking.apiServerPort", "must be -1 to 65535")),
    }
}

fn subnet(field: &str, text: &Option<String>, default: &str) -> Result<Cidr, ConfigError> {
    let text = text
        .as_deref()
        .filter(|text| !text.is_empty())
        .unwrap_or(default);
    text.parse()
        .map_err(|reason: String| invalid(format!("networking.{field}"), reason))
}

#[cfg(test)]
mod tests;
