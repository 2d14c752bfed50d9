//! Upstream's flags and configuration file (`kubeproxy.config.k8s.io/v1alpha1`).
//!
//! With `--config` the file decides and of the flags only `--hostname-override` is heeded besides,
//! as upstream has it. Settings of other modes are read and not looked at.

mod file;
mod node_ports;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context as _;
use styr_component::flags::Flags;

use crate::network;
use file::File;
pub(crate) use node_ports::NodePortAddresses;

const HEALTH_ADDRESS: &str = "0.0.0.0:10256";
const METRICS_ADDRESS: &str = "127.0.0.1:10249";
const MASQUERADE_BIT: i64 = 14;

/// Flags that do what upstream's do; the rest is accepted at its default.
const HEEDED: [&str; 26] = [
    "bind-address",
    "cleanup",
    "cluster-cidr",
    "config",
    "config-sync-period",
    "conntrack-max-per-core",
    "conntrack-min",
    "conntrack-tcp-be-liberal",
    "conntrack-tcp-timeout-close-wait",
    "conntrack-tcp-timeout-established",
    "conntrack-udp-timeout",
    "conntrack-udp-timeout-stream",
    "detect-local-mode",
    "healthz-bind-address",
    "hostname-override",
    "iptables-masquerade-bit",
    "kube-api-burst",
    "kube-api-qps",
    "kubeconfig",
    "masquerade-all",
    "master",
    "metrics-bind-address",
    "nodeport-addresses",
    "oom-score-adj",
    "proxy-mode",
    "v",
];

/// What the proxy is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Without it, the credentials of the pod.
    pub kubeconfig: Option<String>,
    /// In place of the address in the kubeconfig.
    pub server: Option<String>,
    /// The name of the node.
    pub node_name: String,
    pub local: Local,
    /// Where node ports answer.
    pub(crate) node_port_addresses: NodePortAddresses,
    pub masquerade_all: bool,
    /// The bit of the packet mark that asks for masquerading.
    pub masquerade_bit: u32,
    pub health_address: Option<SocketAddr>,
    pub metrics_address: Option<SocketAddr>,
    /// Values of connection tracking to set, below `/proc/sys`.
    pub sysctls: Vec<(&'static str, String)>,
    /// Only take away what an earlier run left.
    pub is_cleanup: bool,
    pub verbosity: i64,
}

/// How pods' traffic is told from that of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Local {
    /// Pods are in these networks; empty means that nothing is known.
    Networks(Vec<(Ipv4Addr, u8)>),
    /// Pods are in the node's own networks.
    NodeNetworks,
}

impl Config {
    /// Reads the command line, and the file that it names.
    pub fn parse(args: Vec<String>) -> anyhow::Result<Self> {
        let flags = Flags::parse(crate::NAME, &HEEDED, args)?;
        let file = match flags.optional("config") {
            Some(path) => File::read(Path::new(&path))?,
            None => File::of_flags(&flags),
        };
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let mode = text(&file.mode);
        if !matches!(mode.as_str(), "" | "nftables") {
            anyhow::bail!("proxy mode {mode:?} is not implemented, only nftables");
        }
        let node_name = flags
            .optional("hostname-override")
            .or_else(|| Some(text(&file.hostname_override)).filter(|name| !name.is_empty()))
            .unwrap_or_else(own_host_name);
        let settings = file.nftables.clone().unwrap_or_default();
        let bit = settings.masquerade_bit.unwrap_or(MASQUERADE_BIT);
        let client = file.client_connection.clone().unwrap_or_default();
        Ok(Self {
            kubeconfig: Some(text(&client.kubeconfig)).filter(|path| !path.is_empty()),
            server: flags.optional("master"),
            node_name: node_name.trim().to_lowercase(),
            local: local(&file)?,
            node_port_addresses: NodePortAddresses::read(
                file.node_port_addresses.as_deref().unwrap_or_default(),
                &text(&file.bind_address),
            )?,
            masquerade_all: settings.masquerade_all.unwrap_or(false),
            masquerade_bit: u32::try_from(bit)
                .ok()
                .filter(|bit| *bit < 32)
                .with_context(|| format!("masqueradeBit {bit} is not within 0 and 31"))?,
            health_address: address(&text(&file.healthz_bind_address), HEALTH_ADDRESS)?,
            metrics_address: address(&text(&file.metrics_bind_address), METRICS_ADDRESS)?,
            sysctls: file.conntrack.clone().unwrap_or_default().sysctls(),
            is_cleanup: flags.bool("cleanup"),
            verbosity: flags.int("v"),
        })
    }
}

fn own_host_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

fn local(file: &File) -> anyhow::Result<Local> {
    let text = file.cluster_cidr.clone().unwrap_or_default();
    match file.detect_local_mode.as_deref().unwrap_or_default() {
        "" | "ClusterCIDR" => {
            let parts: Vec<String> = text.split(',').map(str::to_owned).collect();
            let parts = parts.iter().filter(|part| !part.is_empty());
            Ok(Local::Networks(networks(parts)?))
        }
        "NodeCIDR" => Ok(Local::NodeNetworks),
        other => anyhow::bail!("detectLocalMode {other:?} is not implemented"),
    }
}

/// Reads networks, and leaves out those of IPv6.
fn networks<'a>(texts: impl Iterator<Item = &'a String>) -> anyhow::Result<Vec<(Ipv4Addr, u8)>> {
    texts
        .filter(|text| !text.contains(':'))
        .map(|text| network::parse(text).with_context(|| format!("{text:?} is not a network")))
        .collect()
}

/// A port alone, or with an address before it.
fn address(text: &str, default: &str) -> anyhow::Result<Option<SocketAddr>> {
    let text = if text.is_empty() { default } else { text };
    let parsed = text.parse().or_else(|_| format!("0.0.0.0{text}").parse());
    parsed
        .map(Some)
        .with_context(|| format!("{text:?} is not an address with a port"))
}

#[cfg(test)]
mod tests;
