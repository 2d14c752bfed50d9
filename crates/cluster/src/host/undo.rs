//! Takes back what a journal says was made. What is gone already is no error.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use styr_kernel::cgroups::Cgroups;
use styr_kernel::netlink::Netlink;
use styr_kernel::nftables::{Batch, Nftables, Table};

use super::machine::Machine;
use super::network;
use crate::journal::Entry;
use crate::kubeconfig;

/// Undoes one entry of the cluster in `folder`.
pub(crate) fn undo(entry: &Entry, folder: &Path) -> Result<()> {
    match entry {
        Entry::Link { name } => link(name),
        Entry::Table { name } => table(name),
        Entry::Cgroup { path } => cgroup(path),
        Entry::Node { name, pid_file } => {
            node(pid_file).with_context(|| format!("could not end node {name}"))
        }
        Entry::Setting { .. } => Machine::this().hold()?.release(folder),
        Entry::Kubeconfig { path, context } => kubeconfig::remove(path, context),
    }
}

/// Deletes a bridge, and before it the links to the nodes. They would go with the nodes' namespaces,
/// but the kernel keeps a namespace for as long as a connection in it waits for its end.
fn link(name: &str) -> Result<()> {
    let mut netlink = Netlink::open().context("could not speak to the kernel")?;
    let mut links = netlink.links()?;
    links.retain(|link| network::is_of_bridge(&link.name, name));
    links.sort_by_key(|link| link.name == name);
    for link in links {
        match netlink.delete_link(link.index) {
            Err(error) if error.is_missing() => {}
            outcome => outcome?,
        }
    }
    Ok(())
}

fn table(name: &str) -> Result<()> {
    let mut nftables = Nftables::open().context("could not speak to the kernel")?;
    let table = Table::ipv4(name);
    if nftables.has_table(&table)? {
        let mut batch = Batch::new();
        batch.delete_table(&table);
        nftables.commit(batch)?;
    }
    Ok(())
}

fn cgroup(path: &Path) -> Result<()> {
    let cgroups = Cgroups::detect().context("could not find the control groups")?;
    let path = path.to_string_lossy();
    let group = cgroups
        .open(&path)
        .with_context(|| format!("could not open {path}"))?;
    // It may be there in some hierarchies only, if its creation was cut short.
    group
        .kill()
        .with_context(|| format!("could not end what runs in {path}"))?;
    group
        .remove()
        .with_context(|| format!("could not remove {path}"))
}

/// Ends a node's first process, and everything in the node with it; waits until it is gone.
fn node(pid_file: &Path) -> Result<()> {
    let text = match fs::read_to_string(pid_file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context("could not read its process id"),
    };
    // Not written yet: what runs of the node is ended with its control group.
    if text.is_empty() {
        return Ok(());
    }
    let pid: i32 = text.trim().parse().context("its process id is damaged")?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let folder = pid_file.parent().unwrap_or(pid_file);
    // The id may be another process's by now.
    let folder = folder.as_os_str().as_encoded_bytes();
    if !command.windows(folder.len()).any(|window| window == folder) {
        return Ok(());
    }
    let pid = Pid::from_raw(pid).context("its process id is damaged")?;
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
        return Ok(());
    };
    if pidfd_send_signal(&process, Signal::KILL).is_err() {
        return Ok(());
    }
    poll(&mut [PollFd::new(&process, PollFlags::IN)], None)
        .context("could not wait for its end")?;
    Ok(())
}
