//! What a kubelet is told: flags and the KubeletConfiguration file, flags first.
//!
//! See <https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/>.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Taint;
use styr_component::Flags;

use crate::cgroups::Driver;
use crate::eviction::{self, policy::Enforces};
use crate::images::collect;

mod fields;
mod file;
mod pressure;
#[cfg(test)]
mod tests;

use file::File;

/// The flags that are heeded, or make no difference here.
const HEEDED: &[&str] = &[
    "bootstrap-kubeconfig",
    "cert-dir",
    "cgroup-driver",
    "cgroup-root",
    "cloud-provider",
    "cluster-dns",
    "cluster-domain",
    "config",
    "container-runtime-endpoint",
    "fail-swap-on",
    "hostname-override",
    "kubeconfig",
    "max-pods",
    "node-ip",
    "node-labels",
    "pod-infra-container-image",
    "pod-manifest-path",
    "port",
    "register-node",
    "register-with-taints",
    "resolv-conf",
    "root-dir",
    "v",
];

/// Everything that is configured.
#[derive(Debug, Clone)]
pub struct Config {
    pub node_name: String,
    pub node_ip: Option<IpAddr>,
    pub node_labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
    pub register_node: bool,
    pub root_dir: PathBuf,
    pub cert_dir: PathBuf,
    pub pod_logs_dir: PathBuf,
    pub container_logs_dir: PathBuf,
    /// Without one, only static pods run.
    pub kubeconfig: Option<PathBuf>,
    pub bootstrap_kubeconfig: Option<PathBuf>,
    pub runtime_endpoint: String,
    pub static_pod_path: Option<PathBuf>,
    pub cluster_dns: Vec<String>,
    pub cluster_domain: String,
    pub resolv_conf: Option<PathBuf>,
    pub cgroup_root: String,
    pub(crate) cgroup_driver: Driver,
    pub max_pods: i64,
    /// Port 0 takes any free one.
    pub address: SocketAddr,
    /// None if the port is configured as 0.
    pub healthz_address: Option<SocketAddr>,
    pub anonymous: bool,
    pub webhook_authentication: bool,
    pub webhook_authorization: bool,
    pub client_ca_file: Option<PathBuf>,
    pub tls_files: Option<(PathBuf, PathBuf)>,
    pub rotate_certificates: bool,
    pub server_tls_bootstrap: bool,
    pub log_size_max: i64,
    pub log_files_max: usize,
    pub system_reserved: BTreeMap<String, String>,
    pub kube_reserved: BTreeMap<String, String>,
    pub(crate) eviction: eviction::policy::Policy,
    pub(crate) enforces: Enforces,
    pub(crate) image_collection: collect::Policy,
    pub lease_seconds: i32,
    pub provider_id: String,
    /// Kernel settings that pods may change besides the safe ones.
    pub allowed_unsafe_sysctls: Vec<String>,
    /// As it is shown at `/configz`.
    pub shown: serde_json::Value,
}

impl Config {
    /// From the command line; reads the file that it names.
    pub fn from_args(args: Vec<String>) -> anyhow::Result<(Self, i64)> {
        let flags = Flags::parse(crate::NAME, HEEDED, args)?;
        let path = flags.string("config");
        let file = if path.is_empty() {
            File::default()
        } else {
            let read = || format!("could not read kubelet configuration {path}");
            let text = std::fs::read_to_string(&path).with_context(read)?;
            file::parse(&text).with_context(read)?
        };
        let verbosity = flags.int("v");
        Ok((Self::join(&flags, file)?, verbosity))
    }

    fn join(flags: &Flags, file: File) -> anyhow::Result<Self> {
        let either = |name: &str, of_file: &str| match flags.is_set(name) {
            true => flags.string(name),
            false => of_file.to_owned(),
        };
        let path = |name: &str, of_file: &str| {
            let path = either(name, of_file);
            (!path.is_empty()).then(|| PathBuf::from(path))
        };
        let (node_name, node_ip, taints) = identity(flags, &file)?;
        let root_dir = path("root-dir", "").unwrap_or_else(|| "/var/lib/kubelet".into());
        let endpoint = either(
            "container-runtime-endpoint",
            &file.container_runtime_endpoint,
        );
        anyhow::ensure!(
            !endpoint.is_empty(),
            "the container runtime endpoint address was not specified or empty, use --container-runtime-endpoint to set"
        );
        let cluster_dns = either("cluster-dns", &file.cluster_dns.join(","));
        let cluster_dns = cluster_dns.split(',').filter(|ip| !ip.is_empty());
        let resolv_conf = file.resolv_conf.as_deref().unwrap_or("/etc/resolv.conf");
        let port = either("port", &file.port.to_string());
        let port = port.parse().context("--port is not a port")?;
        let healthz = listen(&file.healthz_bind_address, file.healthz_port)?;
        let max_pods = either("max-pods", &file.max_pods.to_string());
        let register_node = either("register-node", &file.register_node.to_string());
        let tls_files = tls_files(&file);
        Ok(Self {
            node_ip,
            node_labels: flags.map("node-labels"),
            taints,
            register_node: register_node == "true",
            cert_dir: path("cert-dir", "").unwrap_or_else(|| root_dir.join("pki")),
            root_dir,
            pod_logs_dir: file.pod_logs_dir.into(),
            container_logs_dir: "/var/log/containers".into(),
            kubeconfig: path("kubeconfig", ""),
            bootstrap_kubeconfig: path("bootstrap-kubeconfig", ""),
            runtime_endpoint: endpoint,
            static_pod_path: path("pod-manifest-path", &file.static_pod_path),
            cluster_dns: cluster_dns.map(str::to_owned).collect(),
            cluster_domain: either("cluster-domain", &file.cluster_domain),
            resolv_conf: path("resolv-conf", resolv_conf),
            cgroup_root: either("cgroup-root", &file.cgroup_root),
            cgroup_driver: driver(&either("cgroup-driver", &file.cgroup_driver))?,
            max_pods: max_pods.parse().context("--max-pods is not a number")?,
            address: listen(&file.address, port)?,
            healthz_address: (file.healthz_port != 0).then_some(healthz),
            anonymous: file.authentication.anonymous.enabled,
            webhook_authentication: file.authentication.webhook.enabled,
            webhook_authorization: file.authorization.mode == "Webhook",
            client_ca_file: Some(file.authentication.x509.client_ca_file)
                .filter(|path| !path.is_empty())
                .map(Into::into),
            tls_files,
            rotate_certificates: file.rotate_certificates,
            server_tls_bootstrap: file.server_tls_bootstrap,
            log_size_max: file::quantity(&file.container_log_max_size, "containerLogMaxSize")?,
            log_files_max: file.container_log_max_files,
            enforces: file.pressure.enforces()?,
            eviction: file.pressure.eviction()?,
            image_collection: file.pressure.image_collection()?,
            system_reserved: file.system_reserved,
            kube_reserved: file.kube_reserved,
            lease_seconds: file.node_lease_duration_seconds,
            provider_id: file.provider_id,
            allowed_unsafe_sysctls: file.allowed_unsafe_sysctls,
            shown: file.shown,
            node_name,
        })
    }
}

type Identity = (String, Option<IpAddr>, Vec<Taint>);

fn identity(flags: &Flags, file: &File) -> anyhow::Result<Identity> {
    let name = match flags.string("hostname-override") {
        empty if empty.is_empty() => host_name()?,
        name => name,
    };
    let ip = flags.string("node-ip");
    let ip = ip.split(',').next().filter(|ip| !ip.is_empty());
    let ip = ip
        .map(str::parse)
        .transpose()
        .context("--node-ip is not an address")?;
    let taints = match flags.is_set("register-with-taints") {
        true => parse_taints(&flags.string("register-with-taints"))?,
        false => file.register_with_taints.clone(),
    };
    Ok((name.trim().to_lowercase(), ip, taints))
}

fn driver(name: &str) -> anyhow::Result<Driver> {
    match name {
        "cgroupfs" | "" => Ok(Driver::Cgroupfs),
        "systemd" => Ok(Driver::Systemd),
        other => anyhow::bail!("cgroupDriver {other:?} is neither cgroupfs nor systemd"),
    }
}

fn listen(ip: &str, port: u16) -> anyhow::Result<SocketAddr> {
    let ip: IpAddr = ip
        .parse()
        .with_context(|| format!("{ip:?} is not an address"))?;
    Ok(SocketAddr::new(ip, port))
}

fn tls_files(file: &File) -> Option<(PathBuf, PathBuf)> {
    let (certificate, key) = (&file.tls_cert_file, &file.tls_private_key_file);
    let is_given = !certificate.is_empty() && !key.is_empty();
    is_given.then(|| (certificate.into(), key.into()))
}

fn host_name() -> anyhow::Result<String> {
    let name = rustix::system::uname();
    let name = name
        .nodename()
        .to_str()
        .context("the host's name is not text")?;
    Ok(name.to_owned())
}

/// `key=value:Effect,...`
fn parse_taints(text: &str) -> anyhow::Result<Vec<Taint>> {
    let one = |text: &str| {
        let (rest, effect) = text
            .rsplit_once(':')
            .with_context(|| format!("invalid taint spec: {text}"))?;
        let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
        Ok(Taint {
            key: key.to_owned(),
            value: Some(value.to_owned()).filter(|value| !value.is_empty()),
            effect: effect.to_owned(),
            ..Taint::default()
        })
    };
    text.split(',')
        .filter(|text| !text.is_empty())
        .map(one)
        .collect()
}
