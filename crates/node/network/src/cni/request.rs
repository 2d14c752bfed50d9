//! What a call brings: the environment, and the network configuration.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::Deserialize;

use super::VERSIONS;
use super::error::{CniError, Code};

/// Where attachments are written down; gone after a reboot, as the pods are.
const STATE_FOLDER: &str = "/run/styr/network";
/// What Linux allows as the name of a link.
const LINK_NAME_MAX: usize = 15;

/// One pod's interface, from the environment.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) container_id: String,
    /// Empty if DEL comes after the namespace has gone.
    pub(super) netns: PathBuf,
    pub(super) interface: String,
}

impl Request {
    pub(super) fn parse(
        environment: &BTreeMap<String, String>,
        needs_netns: bool,
    ) -> Result<Self, CniError> {
        let get = |name: &str| environment.get(name).cloned().unwrap_or_default();
        let refused = |what: String| Err(CniError::plain(Code::Environment, what));
        let request = Self {
            container_id: get("CNI_CONTAINERID"),
            netns: PathBuf::from(get("CNI_NETNS")),
            interface: get("CNI_IFNAME"),
        };
        let mut letters = request.container_id.chars();
        let good_start = letters.next().is_some_and(|c| c.is_ascii_alphanumeric());
        if !good_start || !letters.all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
            return refused(format!(
                "CNI_CONTAINERID {:?} is not valid",
                request.container_id
            ));
        }
        let name = &request.interface;
        let bad = |c: char| c == '/' || c == ':' || c.is_whitespace();
        if name.is_empty()
            || name.len() > LINK_NAME_MAX
            || name == "."
            || name == ".."
            || name.contains(bad)
        {
            return refused(format!("CNI_IFNAME {name:?} is not valid"));
        }
        if needs_netns && request.netns.as_os_str().is_empty() {
            return refused("CNI_NETNS is missing".to_owned());
        }
        Ok(request)
    }

    /// What tells attachments apart.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.container_id, self.interface)
    }
}

/// The network configuration, as the agent writes it and the runtime passes it on.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NetworkConfig {
    #[serde(default)]
    pub(super) cni_version: String,
    /// `styr`, or `loopback`.
    #[serde(default, rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) pod_cidr: String,
    #[serde(default)]
    pub(super) mtu: Option<u32>,
    #[serde(default)]
    pub(super) state_folder: Option<PathBuf>,
    #[serde(default)]
    runtime_config: RuntimeConfig,
    #[serde(default, rename = "cni.dev/valid-attachments")]
    pub(super) valid_attachments: Option<Vec<ValidAttachment>>,
    /// CHECK: what ADD answered.
    #[serde(default)]
    pub(super) prev_result: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuntimeConfig {
    #[serde(default)]
    port_mappings: Vec<PortMapping>,
}

/// An attachment that GC must keep.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ValidAttachment {
    #[serde(rename = "containerID")]
    pub(super) container_id: String,
    pub(super) ifname: String,
}

/// The capability `portMappings`. Go reads names in any case, and containerd writes them large.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PortMapping {
    #[serde(default, alias = "HostPort")]
    pub(super) host_port: u16,
    #[serde(default, alias = "ContainerPort")]
    pub(super) container_port: u16,
    #[serde(default, alias = "Protocol")]
    pub(super) protocol: String,
    #[serde(default, rename = "hostIP", alias = "HostIP")]
    pub(super) host_ip: String,
}

impl NetworkConfig {
    pub(super) fn parse(input: &[u8]) -> Result<Self, CniError> {
        let config: Self = serde_json::from_slice(input).map_err(|error| {
            CniError::new(
                Code::Decoding,
                "could not read the network configuration",
                &error,
            )
        })?;
        if !VERSIONS.contains(&config.cni_version.as_str()) {
            return Err(CniError::plain(
                Code::Version,
                format!(
                    "cniVersion {:?} is not supported, only {}",
                    config.cni_version,
                    VERSIONS.join(", ")
                ),
            ));
        }
        Ok(config)
    }

    /// The addresses of this node's pods.
    pub(super) fn network(&self) -> Result<(Ipv4Addr, u8), CniError> {
        let parse = || {
            let (ip, prefix) = self.pod_cidr.split_once('/')?;
            let prefix = prefix.parse::<u8>().ok().filter(|prefix| *prefix <= 30)?;
            Some((ip.parse::<Ipv4Addr>().ok()?, prefix))
        };
        parse().ok_or_else(|| {
            let what = format!("podCidr {:?} is not an IPv4 network", self.pod_cidr);
            CniError::plain(Code::Config, what)
        })
    }

    pub(super) fn state_folder(&self) -> PathBuf {
        self.state_folder
            .clone()
            .unwrap_or_else(|| PathBuf::from(STATE_FOLDER))
    }

    pub(super) fn port_mappings(&self) -> &[PortMapping] {
        &self.runtime_config.port_mappings
    }
}
