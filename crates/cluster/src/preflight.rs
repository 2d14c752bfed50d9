//! What this machine must be able to do, asked before anything is made.

mod elf;

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rustix::mount::{FsOpenFlags, fsopen};
use styr_kernel::cgroups::Cgroups;
use styr_kernel::nftables::{Nftables, Table};

use crate::config::Config;

/// Namespaces that a node has for itself.
const NAMESPACES: [&str; 6] = ["cgroup", "ipc", "mnt", "net", "pid", "uts"];
/// Controllers without which limits of pods would mean nothing.
const CONTROLLERS: [&str; 2] = ["cpu", "memory"];

/// One thing that has to be there, and what to do if it is not.
struct Check {
    probe: fn() -> Result<()>,
    mend: &'static str,
}

const CHECKS: [Check; 6] = [
    Check {
        probe: is_static,
        mend: "build it with `cargo xtask build`",
    },
    Check {
        probe: root,
        mend: "run this as root, for example with sudo",
    },
    Check {
        probe: namespaces,
        mend: "use a kernel with all namespaces",
    },
    Check {
        probe: control_groups,
        mend: "mount the control groups at /sys/fs/cgroup, with the controllers cpu and memory",
    },
    Check {
        probe: overlay,
        mend: "load the kernel module overlay",
    },
    Check {
        probe: nftables,
        mend: "load the kernel module nf_tables",
    },
];

/// Refuses machines that cannot hold a cluster, and what a configuration asks of this one in vain.
pub(crate) fn check(config: &Config) -> Result<()> {
    for Check { probe, mend } in CHECKS {
        if let Err(error) = probe() {
            bail!("{error:#}; {mend}");
        }
    }
    for mount in config.nodes.iter().flat_map(|node| &node.mounts) {
        if !mount.host_path.exists() {
            let path = mount.host_path.display();
            bail!("extraMounts[].hostPath {path} does not exist on this machine; make it first");
        }
    }
    Ok(())
}

/// The image of the control plane holds this program and nothing else: no loader, no libraries.
fn is_static() -> Result<()> {
    let path = std::env::current_exe().context("could not find this program")?;
    let unreadable = || format!("could not read {}", path.display());
    let file = File::open(&path).with_context(unreadable)?;
    if elf::asks_for_a_loader(&file).with_context(unreadable)? {
        bail!("this program is linked dynamically, and would not start in its own image");
    }
    Ok(())
}

fn root() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    bail!("nodes need namespaces, mounts and links of their own, which only root may make")
}

fn namespaces() -> Result<()> {
    let folder = Path::new("/proc/self/ns");
    match NAMESPACES.iter().find(|name| !folder.join(name).exists()) {
        Some(missing) => bail!("the kernel has no {missing} namespaces"),
        None => Ok(()),
    }
}

fn control_groups() -> Result<()> {
    let found = Cgroups::detect()
        .context("could not find control groups")?
        .controllers();
    match CONTROLLERS
        .iter()
        .find(|name| !found.iter().any(|it| it == *name))
    {
        Some(missing) => bail!("the control groups have no controller {missing}"),
        None => Ok(()),
    }
}

/// Opening a file system, unlike reading a list of them, loads its module.
fn overlay() -> Result<()> {
    let opened = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC);
    opened.map(drop).context("the kernel has no overlayfs")
}

fn nftables() -> Result<()> {
    let mut nftables = Nftables::open().context("the kernel has no nftables")?;
    let asked = nftables.has_table(&Table::ipv4("styr"));
    asked.map(drop).context("the kernel has no nftables")
}
