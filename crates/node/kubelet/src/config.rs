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

mod fields;
mod file;
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
    pub read_only_address: Option<SocketAddr>,
    pub anonymous: bool,
    pub webhook_authentication: bool,
    pub webhook_authorization: bool,
    pub client_ca_file: Option<PathBuf>,
    pub tls_files: Option<(PathBuf, PathBuf)>,
    pub server_tls_bootstrap: bool,
    pub rotate_certificates: bool,
    pub log_size_max: i64,
    pub log_files_max: usize,
    pub system_reserved: BTreeMap<String, String>,
    pub kube_reserved: BTreeMap<String, String>,
    /// Memory that is kept free, in bytes.
    pub eviction_memory: i64,
    pub lease_seconds: i32,
    pub provider_id: String,
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
        let given = |name: &str| flags.is_set(name).then(|| flags.string(name));
        let path = |name: &str| given(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let node_name = match given("hostname-override").filter(|name| !name.is_empty()) {
            Some(name) => name,
            None => host_name()?,
        };
        let node_name = node_name.trim().to_lowercase();
        let node_ip = given("node-ip").filter(|ip| !ip.is_empty());
        let node_ip = node_ip.map(|ip| ip.split(',').next().unwrap_or_default().parse());
        let node_ip = node_ip.transpose().context("--node-ip is not an address")?;
        let root_dir = path("root-dir").unwrap_or_else(|| "/var/lib/kubelet".into());
        let taints = match given("register-with-taints") {
            Some(text) => parse_taints(&text)?,
            None => file.register_with_taints.clone(),
        };
        let driver = match given("cgroup-driver").unwrap_or_else(|| file.cgroup_driver.clone()).as_str() {
            "cgroupfs" | "" => Driver::Cgroupfs,
            "systemd" => Driver::Systemd,
            other => anyhow::bail!("cgroupDriver {other:?} is neither cgroupfs nor systemd"),
        };
        let listen = |ip: &str, port: u16| -> anyhow::Result<SocketAddr> {
            let ip: IpAddr = ip.parse().with_context(|| format!("{ip:?} is not an address"))?;
            Ok(SocketAddr::new(ip, port))
        };
        let healthz = (file.healthz_port != 0)
            .then(|| listen(&file.healthz_bind_address, file.healthz_port))
            .transpose()?;
        let read_only = (file.read_only_port != 0)
            .then(|| listen(&file.address, file.read_only_port))
            .transpose()?;
        let list = |text: String| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let endpoint = given("container-runtime-endpoint").unwrap_or(file.container_runtime_endpoint.clone());
        anyhow::ensure!(!endpoint.is_empty(), "the container runtime endpoint address was not specified or empty, use --container-runtime-endpoint to set");
        let tls = (!file.tls_cert_file.is_empty() && !file.tls_private_key_file.is_empty())
            .then(|| (file.tls_cert_file.clone().into(), file.tls_private_key_file.clone().into()));
        let resolv_conf = given("resolv-conf").or(file.resolv_conf.clone());
        let resolv_conf = resolv_conf.unwrap_or_else(|| "/etc/resolv.conf".into());
        let static_pods = given("pod-manifest-path").unwrap_or(file.static_pod_path.clone());
        Ok(Self {
            node_ip,
            node_labels: flags.map("node-labels"),
            taints,
            register_node: if flags.is_set("register-node") { flags.bool("register-node") } else { file.register_node },
            cert_dir: path("cert-dir").unwrap_or_else(|| root_dir.join("pki")),
            root_dir,
            pod_logs_dir: file.pod_logs_dir.clone().into(),
            container_logs_dir: "/var/log/containers".into(),
            kubeconfig: path("kubeconfig"),
            bootstrap_kubeconfig: path("bootstrap-kubeconfig"),
            runtime_endpoint: endpoint,
            static_pod_path: Some(static_pods).filter(|path| !path.is_empty()).map(Into::into),
            cluster_dns: given("cluster-dns").map_or(file.cluster_dns.clone(), list),
            cluster_domain: given("cluster-domain").unwrap_or(file.cluster_domain.clone()),
            resolv_conf: Some(resolv_conf).filter(|path| !path.is_empty()).map(Into::into),
            cgroup_root: given("cgroup-root").unwrap_or(file.cgroup_root.clone()),
            cgroup_driver: driver,
            max_pods: if flags.is_set("max-pods") { flags.int("max-pods") } else { file.max_pods },
            address: listen(&file.address, match given("port") {
                Some(port) => port.parse().context("--port is not a port")?,
                None => file.port,
            })?,
            healthz_address: healthz,
            read_only_address: read_only,
            anonymous: file.authentication.anonymous.enabled,
            webhook_authentication: file.authentication.webhook.enabled,
            webhook_authorization: file.authorization.mode == "Webhook",
            client_ca_file: Some(file.authentication.x509.client_ca_file.clone())
                .filter(|path| !path.is_empty())
                .map(Into::into),
            tls_files: tls,
            server_tls_bootstrap: file.server_tls_bootstrap,
            rotate_certificates: file.rotate_certificates,
            log_size_max: file::quantity(&file.container_log_max_size, "containerLogMaxSize")?,
            log_files_max: file.container_log_max_files,
            eviction_memory: file::eviction_memory(&file.eviction_hard),
            system_reserved: file.system_reserved.clone(),
            kube_reserved: file.kube_reserved.clone(),
            lease_seconds: file.node_lease_duration_seconds,
            provider_id: file.provider_id.clone(),
            shown: file.shown,
            node_name,
        })
    }
}

fn host_name() -> anyhow::Result<String> {
    let name = rustix::system::uname();
    let name = name.nodename().to_str().context("the host's name is not text")?;
    Ok(name.to_owned())
}

/// `key=value:Effect,...`
fn parse_taints(text: &str) -> anyhow::Result<Vec<Taint>> {
    let one = |text: &str| {
        let (rest, effect) = text.rsplit_once(':').with_context(|| format!("invalid taint spec: {text}"))?;
        let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
        Ok(Taint {
            key: key.to_owned(),
            value: Some(value.to_owned()).filter(|value| !value.is_empty()),
            effect: effect.to_owned(),
            ..Taint::default()
        })
    };
    text.split(',').filter(|text| !text.is_empty()).map(one).collect()
}
