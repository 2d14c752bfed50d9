//! The files that a node has before anything runs in it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Folders of a node's root.
const FOLDERS: [&str; 22] = [
    "dev",
    "etc/cni/net.d",
    "etc/kubernetes/manifests",
    "etc/kubernetes/pki",
    "etc/ssl/certs",
    "home",
    "lib/modules",
    "mnt",
    "opt/cni/bin",
    "proc",
    "root",
    "run",
    "sys",
    "tmp",
    "usr/bin",
    "usr/local/bin",
    "var/lib/kubelet",
    "var/lib/styr/images",
    "var/local-path-provisioner",
    "var/log/containers",
    "var/log/pods",
    "var/tmp",
];

/// Programs of a node that are this binary.
const PROGRAMS: [&str; 3] = ["kubelet", "container-runtime", "runc"];

/// Makes a root with nothing but folders, names and accounts.
pub(crate) fn write_files(root: &Path, (name, hosts): (&str, &str)) -> Result<()> {
    for folder in FOLDERS {
        let path = root.join(folder);
        fs::create_dir_all(&path).with_context(|| format!("could not make {}", path.display()))?;
    }
    let binary = root.join("usr/local/bin/styr");
    fs::write(&binary, "").context("could not make a place for the binary")?;
    for program in PROGRAMS {
        let link = root.join("usr/local/bin").join(program);
        symlink("styr", &link).with_context(|| format!("could not make {}", link.display()))?;
    }
    symlink("/run", root.join("var/run")).context("could not make /var/run")?;
    let machine_id: String = (0..32).map(|_| hex_digit()).collect();
    let files = [
        ("etc/hostname", format!("{name}\n")),
        ("etc/hosts", hosts.to_owned()),
        ("etc/machine-id", format!("{machine_id}\n")),
        (
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n".into(),
        ),
        ("etc/group", "root:x:0:\nnogroup:x:65534:\n".into()),
        ("etc/os-release", os_release()),
        ("etc/resolv.conf", resolvers()),
    ];
    for (path, text) in files {
        let path = root.join(path);
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(())
}

fn hex_digit() -> char {
    use rand::Rng as _;
    char::from_digit(rand::rng().random_range(0..16), 16).expect("below 16")
}

fn os_release() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("ID=styr\nNAME=Styr\nVERSION_ID={version}\nPRETTY_NAME=\"Styr {version}\"\n")
}

/// The host's name servers, without those of its loopback, which are not the node's.
fn resolvers() -> String {
    let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let is_local = |line: &str| line.starts_with("nameserver 127.") || line == "nameserver ::1";
    let kept = text.lines().filter(|line| !is_local(line.trim()));
    kept.map(|line| format!("{line}\n")).collect()
}
