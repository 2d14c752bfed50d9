//! The configuration file's form.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;
use styr_component::flags::{Flags, parse_duration};

const API_VERSION: &str = "kubeproxy.config.k8s.io/v1alpha1";
const KIND: &str = "KubeProxyConfiguration";

/// `KubeProxyConfiguration`. A field that upstream does not know is an error.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct File {
    pub(super) api_version: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) bind_address: Option<String>,
    bind_address_hard_fail: Option<bool>,
    pub(super) client_connection: Option<ClientConnection>,
    #[serde(rename = "clusterCIDR")]
    pub(super) cluster_cidr: Option<String>,
    config_sync_period: Option<String>,
    pub(super) conntrack: Option<Conntrack>,
    detect_local: Option<Value>,
    pub(super) detect_local_mode: Option<String>,
    enable_profiling: Option<bool>,
    feature_gates: Option<Value>,
    pub(super) healthz_bind_address: Option<String>,
    pub(super) hostname_override: Option<String>,
    iptables: Option<Value>,
    ipvs: Option<Value>,
    logging: Option<Value>,
    pub(super) metrics_bind_address: Option<String>,
    pub(super) mode: Option<String>,
    pub(super) nftables: Option<Nftables>,
    pub(super) node_port_addresses: Option<Vec<String>>,
    oom_score_adj: Option<i64>,
    port_range: Option<String>,
    show_hidden_metrics_for_version: Option<String>,
    windows_run_as_service: Option<bool>,
    winkernel: Option<Value>,
}

/// How to reach the API server.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ClientConnection {
    accept_content_types: Option<String>,
    burst: Option<i64>,
    content_type: Option<String>,
    pub(super) kubeconfig: Option<String>,
    qps: Option<f64>,
}

/// Settings of this mode. The periods have no use: nothing is polled, and a change costs little.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Nftables {
    pub(super) masquerade_all: Option<bool>,
    pub(super) masquerade_bit: Option<i64>,
    min_sync_period: Option<String>,
    sync_period: Option<String>,
}

/// Limits of connection tracking.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Conntrack {
    max_per_core: Option<i64>,
    min: Option<i64>,
    tcp_be_liberal: Option<bool>,
    tcp_close_wait_timeout: Option<String>,
    tcp_established_timeout: Option<String>,
    udp_stream_timeout: Option<String>,
    udp_timeout: Option<String>,
}

impl File {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let read = || format!("could not read the configuration {}", path.display());
        let text = std::fs::read_to_string(path).with_context(read)?;
        Self::parse(&text).with_context(read)
    }

    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let file: Self = serde_saphyr::from_str(text)?;
        let is = |value: &Option<String>, wanted| value.as_deref() == Some(wanted);
        if !is(&file.api_version, API_VERSION) || !is(&file.kind, KIND) {
            anyhow::bail!("it is not a {KIND} of {API_VERSION}");
        }
        Ok(file)
    }

    /// What the flags say, as if it stood in a file.
    pub(super) fn of_flags(flags: &Flags) -> Self {
        let duration = |name: &str| flags.is_set(name).then(|| flags.string(name));
        let number = |name: &str| flags.is_set(name).then(|| flags.int(name));
        Self {
            client_connection: Some(ClientConnection {
                kubeconfig: flags.optional("kubeconfig"),
                ..ClientConnection::default()
            }),
            bind_address: flags.optional("bind-address"),
            cluster_cidr: flags.optional("cluster-cidr"),
            conntrack: Some(Conntrack {
                max_per_core: number("conntrack-max-per-core"),
                min: number("conntrack-min"),
                tcp_be_liberal: Some(flags.bool("conntrack-tcp-be-liberal")),
                tcp_close_wait_timeout: duration("conntrack-tcp-timeout-close-wait"),
                tcp_established_timeout: duration("conntrack-tcp-timeout-established"),
                udp_stream_timeout: duration("conntrack-udp-timeout-stream"),
                udp_timeout: duration("conntrack-udp-timeout"),
            }),
            detect_local_mode: flags.optional("detect-local-mode"),
            healthz_bind_address: flags.optional("healthz-bind-address"),
            metrics_bind_address: flags.optional("metrics-bind-address"),
            mode: flags.optional("proxy-mode"),
            nftables: Some(Nftables {
                masquerade_all: Some(flags.bool("masquerade-all")),
                masquerade_bit: Some(flags.int("iptables-masquerade-bit")),
                ..Nftables::default()
            }),
            node_port_addresses: Some(flags.strings("nodeport-addresses")),
            ..Self::default()
        }
    }
}

impl Conntrack {
    /// What to write below `/proc/sys`; only what was set. The table's size is the machine's
    /// matter: it grows by itself on kernels that have nftables.
    pub(super) fn sysctls(&self) -> Vec<(&'static str, String)> {
        let seconds = |text: &Option<String>| {
            let duration = parse_duration(text.as_deref()?)?;
            (duration > Duration::ZERO).then(|| duration.as_secs().to_string())
        };
        let liberal = self.tcp_be_liberal.filter(|is_liberal| *is_liberal);
        let settings = [
            (
                "net/netfilter/nf_conntrack_tcp_timeout_established",
                seconds(&self.tcp_established_timeout),
            ),
            (
                "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
                seconds(&self.tcp_close_wait_timeout),
            ),
            (
                "net/netfilter/nf_conntrack_udp_timeout",
                seconds(&self.udp_timeout),
            ),
            (
                "net/netfilter/nf_conntrack_udp_timeout_stream",
                seconds(&self.udp_stream_timeout),
            ),
            (
                "net/netfilter/nf_conntrack_tcp_be_liberal",
                liberal.map(|_| "1".to_owned()),
            ),
        ];
        settings
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}
