//! How a pod resolves names, by its DNS policy.

use k8s_openapi::api::core::v1::{Pod, PodDNSConfig};
use styr_cri::v1::DnsConfig;

use crate::pod;

/// Limits of the C library that upstream keeps to.
const SERVERS_MAX: usize = 3;
const SEARCHES_MAX: usize = 32;
/// Options for names of the cluster.
const CLUSTER_OPTIONS: &str = "ndots:5";

/// The cluster's and the host's settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Resolver {
    pub(crate) cluster_servers: Vec<String>,
    pub(crate) cluster_domain: String,
    pub(crate) host: DnsConfig,
}

pub(crate) fn config(pod: &Pod, resolver: &Resolver) -> DnsConfig {
    let spec = pod::spec(pod);
    let policy = spec.dns_policy.as_deref().unwrap_or("ClusterFirst");
    let of_cluster = match policy {
        "ClusterFirstWithHostNet" => true,
        "ClusterFirst" => !pod::is_host_network(pod),
        _ => false,
    };
    let mut config = match policy {
        "None" => DnsConfig::default(),
        _ if of_cluster && !resolver.cluster_servers.is_empty() => cluster(pod, resolver),
        _ => resolver.host.clone(),
    };
    if let Some(more) = &spec.dns_config {
        append(&mut config, more);
    }
    config.servers.truncate(SERVERS_MAX);
    config.searches.truncate(SEARCHES_MAX);
    config
}

fn cluster(pod: &Pod, resolver: &Resolver) -> DnsConfig {
    let domain = &resolver.cluster_domain;
    let mut searches = Vec::new();
    if !domain.is_empty() {
        searches.push(format!("{}.svc.{domain}", pod::namespace(pod)));
        searches.push(format!("svc.{domain}"));
        searches.push(domain.clone());
    }
    for search in &resolver.host.searches {
        if !searches.contains(search) {
            searches.push(search.clone());
        }
    }
    DnsConfig {
        servers: resolver.cluster_servers.clone(),
        searches,
        options: vec![CLUSTER_OPTIONS.into()],
    }
}

fn append(config: &mut DnsConfig, more: &PodDNSConfig) {
    let add = |list: &mut Vec<String>, new: &Option<Vec<String>>| {
        for entry in new.iter().flatten() {
            if !list.contains(entry) {
                list.push(entry.clone());
            }
        }
    };
    add(&mut config.servers, &more.nameservers);
    add(&mut config.searches, &more.searches);
    for option in more.options.iter().flatten() {
        let Some(name) = option.name.as_deref() else {
            continue;
        };
        config
            .options
            .retain(|known| known.split(':').next() != Some(name));
        config.options.push(
            match option.value.as_deref().filter(|value| !value.is_empty()) {
                Some(value) => format!("{name}:{value}"),
                None => name.to_owned(),
            },
        );
    }
}

/// Reads a `resolv.conf`.
pub(crate) fn parse(text: &str) -> DnsConfig {
    let mut config = DnsConfig::default();
    for line in text.lines() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let rest = |words: std::str::SplitWhitespace<'_>| words.map(Into::into).collect();
        match words.next() {
            Some("nameserver") => config.servers.extend(words.next().map(Into::into)),
            Some("search" | "domain") => config.searches = rest(words),
            Some("options") => config.options = rest(words),
            _ => {}
        }
    }
    config
}
