//! What the server is told, independent of how.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use styr_base::{SharedClock, Shutdown};
use styr_store::Store;

/// Settings; the names are those of upstream's flags.
#[derive(Debug, Clone)]
pub struct Config {
    pub bind_address: IpAddr,
    pub secure_port: u16,
    /// The address in the endpoints of the `kubernetes` service; none = those are left alone.
    pub advertise_address: Option<IpAddr>,
    pub tls_cert_file: Option<PathBuf>,
    pub tls_private_key_file: Option<PathBuf>,
    pub cert_dir: PathBuf,
    pub client_ca_file: Option<PathBuf>,
    pub anonymous_auth: bool,
    pub enable_bootstrap_token_auth: bool,
    pub service_account_key_files: Vec<PathBuf>,
    pub service_account_signing_key_file: Option<PathBuf>,
    pub service_account_issuers: Vec<String>,
    pub service_account_jwks_uri: Option<String>,
    pub service_account_lookup: bool,
    pub service_account_max_token_expiration: Duration,
    pub service_account_extend_token_expiration: bool,
    pub api_audiences: Vec<String>,
    pub requestheader: RequestHeader,
    /// As given: `Node`, `RBAC`, `AlwaysAllow`, `AlwaysDeny`.
    pub authorization_modes: Vec<String>,
    pub enable_admission_plugins: Vec<String>,
    pub disable_admission_plugins: Vec<String>,
    pub default_not_ready_toleration_seconds: i64,
    pub default_unreachable_toleration_seconds: i64,
    /// One or, for two families, two networks.
    pub service_cluster_ip_ranges: Vec<String>,
    /// First and last.
    pub service_node_port_range: (u16, u16),
    pub kubernetes_service_node_port: u16,
    pub kubelet: KubeletAccess,
    pub allow_privileged: bool,
    pub event_ttl: Duration,
    pub max_requests_inflight: usize,
    pub max_mutating_requests_inflight: usize,
    pub request_timeout: Duration,
    /// Zero turns compaction off.
    pub etcd_compaction_interval: Duration,
}

/// How a front proxy tells whom it speaks for.
#[derive(Debug, Clone, Default)]
pub struct RequestHeader {
    pub client_ca_file: Option<PathBuf>,
    pub allowed_names: Vec<String>,
    pub username_headers: Vec<String>,
    pub uid_headers: Vec<String>,
    pub group_headers: Vec<String>,
    pub extra_headers_prefix: Vec<String>,
}

/// How kubelets are reached.
#[derive(Debug, Clone)]
pub struct KubeletAccess {
    pub client_certificate: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    pub certificate_authority: Option<PathBuf>,
    pub preferred_address_types: Vec<String>,
}

impl Config {
    /// Where clients are told to find this server.
    pub(crate) fn public_address(&self) -> SocketAddr {
        let address = self.advertise_address.unwrap_or(self.bind_address);
        SocketAddr::new(address, self.secure_port)
    }
}

impl Default for Config {
    /// Upstream's defaults, and what the server needs where upstream demands a flag.
    fn default() -> Self {
        Self {
            bind_address: IpAddr::from([0, 0, 0, 0]),
            secure_port: 6443,
            advertise_address: None,
            tls_cert_file: None,
            tls_private_key_file: None,
            cert_dir: PathBuf::from("/var/run/kubernetes"),
            client_ca_file: None,
            anonymous_auth: true,
            enable_bootstrap_token_auth: false,
            service_account_key_files: Vec::new(),
            service_account_signing_key_file: None,
            service_account_issuers: vec!["https://kubernetes.default.svc".to_owned()],
            service_account_jwks_uri: None,
            service_account_lookup: true,
            service_account_max_token_expiration: Duration::ZERO,
            service_account_extend_token_expiration: true,
            api_audiences: Vec::new(),
            requestheader: RequestHeader::default(),
            authorization_modes: vec!["Node".to_owned(), "RBAC".to_owned()],
            enable_admission_plugins: Vec::new(),
            disable_admission_plugins: Vec::new(),
            default_not_ready_toleration_seconds: 300,
            default_unreachable_toleration_seconds: 300,
            service_cluster_ip_ranges: vec!["10.0.0.0/24".to_owned()],
            service_node_port_range: (30_000, 32_767),
            kubernetes_service_node_port: 0,
            kubelet: KubeletAccess::default(),
            allow_privileged: false,
            event_ttl: Duration::from_secs(3600),
            max_requests_inflight: 400,
            max_mutating_requests_inflight: 200,
            request_timeout: Duration::from_secs(60),
            etcd_compaction_interval: Duration::from_secs(300),
        }
    }
}

impl Default for KubeletAccess {
    fn default() -> Self {
        let types = [
            "Hostname",
            "InternalDNS",
            "InternalIP",
            "ExternalDNS",
            "ExternalIP",
        ];
        Self {
            client_certificate: None,
            client_key: None,
            certificate_authority: None,
            preferred_address_types: types.map(str::to_owned).to_vec(),
        }
    }
}

/// What the server works with.
#[derive(Debug, Clone)]
pub struct Deps {
    pub store: Arc<dyn Store>,
    pub clock: SharedClock,
    pub shutdown: Shutdown,
}
