//! What the child does, from its first step to the program.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, bail};
use rustix::thread::{LinkNameSpaceType, ThreadNameSpaceType, UnshareFlags};
use styr_kernel::cgroups::Cgroup;
use styr_kernel::netlink::Netlink;
use styr_kernel::seccomp::Programs;

use super::identity::Becoming;
use super::mounts::Tree;
use super::{Container, Joining, READY, Stdio, TERMINAL, terminal};
use crate::channel;
use crate::spec::{Linux, Process};

/// What the parent made before it cloned.
pub(super) struct Prepared<'a> {
    pub(super) socket: OwnedFd,
    pub(super) group: Option<&'a Cgroup>,
    pub(super) seccomp: &'a Programs,
}

/// Comes back only with an error.
pub(super) fn run_container(
    container: &mut Container<'_>,
    process: &Process,
    linux: &Linux,
    prepared: &Prepared<'_>,
) -> anyhow::Result<()> {
    if let Some(group) = prepared.group {
        group.enter().context("could not enter the control group")?;
    }
    enter_namespaces(linux)?;
    rustix::process::setsid().context("could not start a session")?;
    let spec = container.spec;
    set_names(&spec.hostname, &spec.domainname)?;
    set_score(process)?;
    let stdio = std::mem::replace(&mut container.stdio, Stdio::Inherit);
    let tree = Tree::open(container, linux, prepared.group)?;
    let has = |kind: &str| {
        linux
            .namespaces
            .iter()
            .any(|space| space.kind == kind && space.path.is_none())
    };
    if has("network") {
        bring_loopback_up()?;
    }
    let root = tree.build()?;
    for (name, value) in &linux.sysctl {
        set_sysctl(name, value)?;
    }
    let hold = container.hold_at.map(|path| tree.hold(path)).transpose()?;
    tree.enter(&root)?;
    take_stdio(stdio, process, &prepared.socket, true)?;
    tree.finish()?;
    let becoming = Becoming::prepare(process, prepared.seccomp)?;
    if let Some(hold) = hold {
        channel::send(&prepared.socket, &[READY], &[])?;
        wait_at(&hold)?;
    }
    becoming.run(container.preserved)
}

/// Comes back only with an error.
pub(super) fn run_joined(
    joining: Joining<'_>,
    target: &OwnedFd,
    prepared: &Prepared<'_>,
) -> anyhow::Result<()> {
    if let Some(group) = prepared.group {
        group.enter().context("could not enter the control group")?;
    }
    set_score(joining.process)?;
    let namespaces = ThreadNameSpaceType::MOUNT
        | ThreadNameSpaceType::CONTROL_GROUP
        | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME
        | ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION
        | ThreadNameSpaceType::NETWORK;
    rustix::thread::move_into_thread_name_spaces(target.as_fd(), namespaces)
        .context("could not enter the container's namespaces")?;
    rustix::process::setsid().context("could not start a session")?;
    take_stdio(joining.stdio, joining.process, &prepared.socket, false)?;
    Becoming::prepare(joining.process, prepared.seccomp)?.run(joining.preserved)
}

fn enter_namespaces(linux: &Linux) -> anyhow::Result<()> {
    for namespace in &linux.namespaces {
        let kind = match namespace.kind.as_str() {
            "network" => LinkNameSpaceType::Network,
            "ipc" => LinkNameSpaceType::InterProcessCommunication,
            "uts" => LinkNameSpaceType::HostNameAndNISDomainName,
            "cgroup" => {
                unshare_cgroup()?;
                continue;
            }
            // Made or entered by clone.
            "pid" | "mount" => continue,
            other => bail!("namespaces of kind {other:?} are not implemented"),
        };
        let Some(path) = &namespace.path else {
            continue;
        };
        let file = File::open(path)
            .with_context(|| format!("could not open namespace {}", path.display()))?;
        rustix::thread::move_into_link_name_space(file.as_fd(), Some(kind))
            .with_context(|| format!("could not enter namespace {}", path.display()))?;
    }
    Ok(())
}

fn unshare_cgroup() -> anyhow::Result<()> {
    styr_kernel::process::unshare(UnshareFlags::NEWCGROUP)
        .context("could not make a control group namespace")
}

fn set_names(host: &str, domain: &str) -> anyhow::Result<()> {
    if !host.is_empty() {
        rustix::system::sethostname(host.as_bytes()).context("could not set the host name")?;
    }
    if !domain.is_empty() {
        rustix::system::setdomainname(domain.as_bytes())
            .context("could not set the domain name")?;
    }
    Ok(())
}

fn set_score(process: &Process) -> anyhow::Result<()> {
    if let Some(score) = process.oom_score_adj {
        styr_kernel::process::set_oom_score(score).context("could not set the oom score")?;
    }
    Ok(())
}

fn bring_loopback_up() -> anyhow::Result<()> {
    let mut netlink = Netlink::open()?;
    if let Some(link) = netlink.link("lo")? {
        netlink.set_up(link.index)?;
    }
    Ok(())
}

/// Sets a kernel parameter by its dotted name. Only those of the new namespaces can be meant.
pub(crate) fn set_sysctl(name: &str, value: &str) -> anyhow::Result<()> {
    // A name with slashes has dots inside its parts (interfaces such as eth0.1).
    let relative = if name.contains('/') {
        name.to_owned()
    } else {
        name.replace('.', "/")
    };
    let file = Path::new("/proc/sys").join(&relative);
    if relative.split('/').any(|part| part == "..") {
        bail!("the sysctl {name:?} leads elsewhere");
    }
    std::fs::write(&file, value).with_context(|| format!("could not set sysctl {name} to {value}"))
}

fn take_stdio(
    stdio: Stdio,
    process: &Process,
    socket: &OwnedFd,
    is_first: bool,
) -> anyhow::Result<()> {
    match stdio {
        Stdio::Inherit => {}
        Stdio::Given([input, output, error]) => {
            rustix::stdio::dup2_stdin(input)?;
            rustix::stdio::dup2_stdout(output)?;
            rustix::stdio::dup2_stderr(error)?;
        }
        Stdio::Terminal => {
            let (master, slave) = terminal::open(process)?;
            channel::send(socket, &[TERMINAL], &[master.as_fd()])?;
            if is_first {
                terminal::mount_console(&slave)?;
            }
            rustix::process::ioctl_tiocsctty(&slave).context("could not take the terminal")?;
            rustix::stdio::dup2_stdin(&slave)?;
            rustix::stdio::dup2_stdout(&slave)?;
            rustix::stdio::dup2_stderr(&slave)?;
        }
    }
    Ok(())
}

/// Opening a named pipe to write waits for a reader, who is whoever starts the container.
fn wait_at(hold: &OwnedFd) -> anyhow::Result<()> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", hold.as_raw_fd());
    let mut pipe = File::open(path).context("could not wait to be started")?;
    let mut byte = [0];
    pipe.read_exact(&mut byte)
        .context("the start was called off")
}
