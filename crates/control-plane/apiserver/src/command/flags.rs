//! From upstream's flags to the configuration.

use std::path::PathBuf;

use anyhow::Context as _;
use styr_component::Flags;

use super::{NAME, StoreAccess};
use crate::config::{Config, KubeletAccess, RequestHeader};

/// Flags that have an effect, or whose every value means what the server does anyway.
const HEEDED: &[&str] = &[
    "advertise-address",
    "allow-privileged",
    "anonymous-auth",
    "api-audiences",
    "authorization-mode",
    "bind-address",
    "cert-dir",
    "client-ca-file",
    "default-not-ready-toleration-seconds",
    "default-unreachable-toleration-seconds",
    "disable-admission-plugins",
    "enable-admission-plugins",
    "enable-bootstrap-token-auth",
    "etcd-cafile",
    "etcd-certfile",
    "etcd-compaction-interval",
    "etcd-keyfile",
    "etcd-servers",
    "event-ttl",
    "kubelet-certificate-authority",
    "kubelet-client-certificate",
    "kubelet-client-key",
    "kubelet-preferred-address-types",
    "kubernetes-service-node-port",
    "max-mutating-requests-inflight",
    "max-requests-inflight",
    "profiling",
    "proxy-client-cert-file",
    "proxy-client-key-file",
    "request-timeout",
    "requestheader-allowed-names",
    "requestheader-client-ca-file",
    "requestheader-extra-headers-prefix",
    "requestheader-group-headers",
    "requestheader-uid-headers",
    "requestheader-username-headers",
    "secure-port",
    "service-account-extend-token-expiration",
    "service-account-issuer",
    "service-account-jwks-uri",
    "service-account-key-file",
    "service-account-lookup",
    "service-account-max-token-expiration",
    "service-account-signing-key-file",
    "service-cluster-ip-range",
    "service-node-port-range",
    "storage-backend",
    "storage-media-type",
    "tls-cert-file",
    "tls-private-key-file",
    "v",
    "watch-cache",
];

pub(super) fn parse(args: Vec<String>) -> anyhow::Result<(Config, StoreAccess)> {
    let flags = Flags::parse(NAME, HEEDED, args)?;
    let file = |name: &str| flags.optional(name).map(PathBuf::from);
    let store = StoreAccess {
        servers: flags.strings("etcd-servers"),
        ca_file: file("etcd-cafile"),
        cert_file: file("etcd-certfile"),
        key_file: file("etcd-keyfile"),
    };
    anyhow::ensure!(
        !store.servers.is_empty(),
        "--etcd-servers must be specified"
    );
    Ok((config(&flags)?, store))
}

fn config(flags: &Flags) -> anyhow::Result<Config> {
    let file = |name: &str| flags.optional(name).map(PathBuf::from);
    let files = |name: &str| {
        flags
            .repeated(name)
            .into_iter()
            .map(PathBuf::from)
            .collect()
    };
    let address = |name: &str| {
        let text = flags.optional(name);
        text.map(|text| {
            text.parse()
                .with_context(|| format!("--{name} is no address: {text}"))
        })
        .transpose()
    };
    let defaults = Config::default();
    let or = |given: Vec<String>, otherwise: Vec<String>| {
        if given.is_empty() { otherwise } else { given }
    };
    let port = u16::try_from(flags.int("secure-port")).context("--secure-port is no port")?;
    anyhow::ensure!(port != 0, "--secure-port must be between 1 and 65535");
    Ok(Config {
        bind_address: address("bind-address")?.unwrap_or(defaults.bind_address),
        secure_port: port,
        advertise_address: address("advertise-address")?,
        tls_cert_file: file("tls-cert-file"),
        tls_private_key_file: file("tls-private-key-file"),
        cert_dir: PathBuf::from(flags.string("cert-dir")),
        client_ca_file: file("client-ca-file"),
        anonymous_auth: flags.bool("anonymous-auth"),
        enable_bootstrap_token_auth: flags.bool("enable-bootstrap-token-auth"),
        service_account_key_files: files("service-account-key-file"),
        service_account_signing_key_file: file("service-account-signing-key-file"),
        service_account_issuers: or(
            flags.repeated("service-account-issuer"),
            defaults.service_account_issuers,
        ),
        service_account_jwks_uri: flags.optional("service-account-jwks-uri"),
        service_account_lookup: flags.bool("service-account-lookup"),
        service_account_max_token_expiration: flags
            .duration("service-account-max-token-expiration"),
        service_account_extend_token_expiration: flags
            .bool("service-account-extend-token-expiration"),
        api_audiences: flags.strings("api-audiences"),
        requestheader: request_header(flags),
        // Upstream's own default, which it does not print.
        authorization_modes: or(
            flags.strings("authorization-mode"),
            vec!["AlwaysAllow".to_owned()],
        ),
        enable_admission_plugins: flags.strings("enable-admission-plugins"),
        disable_admission_plugins: flags.strings("disable-admission-plugins"),
        default_not_ready_toleration_seconds: flags.int("default-not-ready-toleration-seconds"),
        default_unreachable_toleration_seconds: flags.int("default-unreachable-toleration-seconds"),
        service_cluster_ip_ranges: or(
            flags.strings("service-cluster-ip-range"),
            defaults.service_cluster_ip_ranges,
        ),
        service_node_port_range: port_range(&flags.string("service-node-port-range"))?,
        kubernetes_service_node_port: u16::try_from(flags.int("kubernetes-service-node-port"))
            .context("--kubernetes-service-node-port is no port")?,
        kubelet: kubelet_access(flags),
        allow_privileged: flags.bool("allow-privileged"),
        event_ttl: flags.duration("event-ttl"),
        max_requests_inflight: count(flags, "max-requests-inflight")?,
        max_mutating_requests_inflight: count(flags, "max-mutating-requests-inflight")?,
        request_timeout: flags.duration("request-timeout"),
        etcd_compaction_interval: flags.duration("etcd-compaction-interval"),
    })
}

/// As upstream, 0 means no limit; a semaphore has one.
fn count(flags: &Flags, name: &str) -> anyhow::Result<usize> {
    const UNLIMITED: usize = 1 << 20;
    let given =
        usize::try_from(flags.int(name)).with_context(|| format!("--{name} is negative"))?;
    Ok(if given == 0 { UNLIMITED } else { given })
}

fn port_range(text: &str) -> anyhow::Result<(u16, u16)> {
    let context = || format!("--service-node-port-range is no range of ports: {text}");
    let (first, last) = text.split_once('-').with_context(context)?;
    let (first, last) = (
        first.parse().with_context(context)?,
        last.parse().with_context(context)?,
    );
    anyhow::ensure!(first <= last, context());
    Ok((first, last))
}

fn request_header(flags: &Flags) -> RequestHeader {
    let file = |name: &str| flags.optional(name).map(PathBuf::from);
    RequestHeader {
        client_ca_file: file("requestheader-client-ca-file"),
        allowed_names: flags.strings("requestheader-allowed-names"),
        username_headers: flags.strings("requestheader-username-headers"),
        uid_headers: flags.strings("requestheader-uid-headers"),
        group_headers: flags.strings("requestheader-group-headers"),
        extra_headers_prefix: flags.strings("requestheader-extra-headers-prefix"),
    }
}

fn kubelet_access(flags: &Flags) -> KubeletAccess {
    let file = |name: &str| flags.optional(name).map(PathBuf::from);
    KubeletAccess {
        client_certificate: file("kubelet-client-certificate"),
        client_key: file("kubelet-client-key"),
        certificate_authority: file("kubelet-certificate-authority"),
        preferred_address_types: flags.strings("kubelet-preferred-address-types"),
    }
}
