//! Files that a pod's containers share: host name, resolver, hosts.

use std::fs;
use std::path::Path;

use anyhow::Context;
use styr_cri::v1;

pub(crate) const HOSTNAME: &str = "hostname";
pub(crate) const RESOLV_CONF: &str = "resolv.conf";
pub(crate) const HOSTS: &str = "hosts";
pub(crate) const SHM: &str = "shm";

/// Writes them. A pod in the machine's network has the machine's host name.
pub(crate) fn write(
    folder: &Path,
    config: &v1::PodSandboxConfig,
    own_network: bool,
) -> anyhow::Result<()> {
    let mut hostname = config.hostname.clone();
    if hostname.is_empty() || !own_network {
        hostname = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
    }
    fs::write(folder.join(HOSTNAME), format!("{hostname}\n"))?;
    if let Ok(hosts) = fs::read("/etc/hosts") {
        fs::write(folder.join(HOSTS), hosts)?;
    }
    let resolver = match &config.dns_config {
        Some(dns) => resolv_conf(dns),
        None => fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
    };
    fs::write(folder.join(RESOLV_CONF), resolver).context("could not write resolv.conf")
}

fn resolv_conf(dns: &v1::DnsConfig) -> String {
    let mut text = String::new();
    if !dns.searches.is_empty() {
        text.push_str(&format!("search {}\n", dns.searches.join(" ")));
    }
    for server in &dns.servers {
        text.push_str(&format!("nameserver {server}\n"));
    }
    if !dns.options.is_empty() {
        text.push_str(&format!("options {}\n", dns.options.join(" ")));
    }
    text
}
