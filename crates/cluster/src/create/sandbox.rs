//! Describes and starts the sandboxes of nodes.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::config::{Config, Node, PortMapping, Propagation, Protocol, Role};
use crate::manifests;
use crate::node::{self, HostMount, Mapping, Sandbox};

/// The API server's port at its node.
const API_PORT: u16 = 6443;

/// Writes a node's files.
pub(super) fn files(
    root: &Path,
    config: &Config,
    (node, address): (&Node, Ipv4Addr),
) -> Result<()> {
    let hosts = manifests::hosts(node, address);
    node::write_files(root, (&node.name, &hosts))?;
    let text = manifests::kubelet_configuration(config, node);
    let path = root.join("var/lib/kubelet/config.yaml");
    fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))
}

/// A port that nobody listens on.
pub(super) fn free_port(address: IpAddr, protocol: Protocol) -> Result<u16> {
    let any = SocketAddr::new(address, 0);
    let bound = match protocol {
        Protocol::TCP => TcpListener::bind(any).and_then(|socket| socket.local_addr()),
        Protocol::UDP => UdpSocket::bind(any).and_then(|socket| socket.local_addr()),
    };
    let bound = bound.with_context(|| format!("could not listen on {address}"))?;
    Ok(bound.port())
}

/// What a node's first process is told.
pub(super) fn describe(
    config: &Config,
    (node, address): (&Node, Ipv4Addr),
    (folder, cgroup, images): (&Path, String, PathBuf),
    api_port: u16,
) -> Result<Sandbox> {
    let mut ports = node.ports.iter().map(mapping).collect::<Result<Vec<_>>>()?;
    if node.role == Role::ControlPlane {
        let host = SocketAddr::new(config.api_server_address, api_port);
        ports.push(Mapping {
            host,
            node_port: API_PORT,
            protocol: Protocol::TCP,
        });
    }
    let mounts = node.mounts.iter().map(|mount| HostMount {
        source: mount.host_path.clone(),
        target: mount.container_path.clone(),
        read_only: mount.read_only,
        follows_host: mount.propagation == Propagation::HostToContainer,
    });
    Ok(Sandbox {
        name: node.name.clone(),
        address,
        folder: folder.to_owned(),
        images,
        cgroup,
        ports,
        mounts: mounts.collect(),
        kubelet: kubelet_args(config, node, address),
    })
}

fn mapping(port: &PortMapping) -> Result<Mapping> {
    let host_port = match port.host_port {
        0 => free_port(port.listen_address, port.protocol)?,
        given => given,
    };
    Ok(Mapping {
        host: SocketAddr::new(port.listen_address, host_port),
        node_port: port.container_port,
        protocol: port.protocol,
    })
}

fn kubelet_args(config: &Config, node: &Node, address: Ipv4Addr) -> Vec<String> {
    let mut args = vec![
        "--config=/var/lib/kubelet/config.yaml".to_owned(),
        format!("--hostname-override={}", node.name),
        "--kubeconfig=/etc/kubernetes/kubelet.conf".to_owned(),
        format!("--node-ip={address}"),
    ];
    if node.role == Role::Worker {
        args.push("--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf".to_owned());
    }
    let labels = manifests::node_labels(config, node);
    if !labels.is_empty() {
        args.push(format!("--node-labels={labels}"));
    }
    args
}

/// Starts a sandbox; `attach` lays its network once its namespaces exist.
pub(super) fn start(sandbox: &Sandbox, attach: impl FnOnce(u32) -> Result<()>) -> Result<()> {
    fs::create_dir_all(&sandbox.folder).context("could not make the node's folder")?;
    let described = serde_json::to_vec_pretty(sandbox).context("could not describe the node")?;
    fs::write(Sandbox::file(&sandbox.folder), described).context("could not describe the node")?;
    let errors_path = sandbox.folder.join("init.log");
    let errors = fs::File::create(&errors_path).context("could not make init.log")?;
    let mut child = Command::new("/proc/self/exe")
        .arg(node::NAME)
        .arg(&sandbox.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()
        .context("could not start node-init")?;
    let mut input = child.stdin.take().context("node-init has no input")?;
    let output = child.stdout.take().context("node-init has no output")?;
    let mut lines = BufReader::new(output).lines();
    let mut expect = |word: &str| match lines.next() {
        Some(Ok(line)) if line.starts_with(word) => Ok(()),
        _ => {
            let said = fs::read_to_string(&errors_path).unwrap_or_default();
            bail!("{}", said.trim().trim_start_matches("ERROR: "))
        }
    };
    expect(node::NAMESPACES)?;
    attach(child.id())?;
    writeln!(input, "go").context("could not go on")?;
    expect(node::STARTED)?;
    child.wait().context("could not wait for node-init")?;
    Ok(())
}
