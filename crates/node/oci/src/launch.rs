//! Starting a process in a container, new or running.
//!
//! The calling process must be single-threaded. It clones itself; the child makes the container
//! around itself, tells over a socket what goes wrong, and becomes the program. The socket closes
//! when it does, which is how success shows.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::process::Pid;
use rustix::thread::LinkNameSpaceType;
use serde::{Deserialize, Serialize};
use styr_kernel::cgroups::{Cgroup, Cgroups};
use styr_kernel::process::{Cloned, NewNamespaces, clone, end};
use styr_kernel::seccomp::Programs;

use crate::channel;
use crate::spec::{Linux, Process, Spec};

mod child;
mod devices;
mod identity;
mod mounts;
mod options;
mod terminal;

pub(crate) use child::set_sysctl;
pub use options::MountOptions;
pub use terminal::resize;

/// The root file system of a container, put together in its own mount namespace.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Overlay {
    /// Read-only layers, the topmost first.
    pub lower: Vec<PathBuf>,
    pub upper: PathBuf,
    pub work: PathBuf,
}

/// Where a process reads from and writes to.
#[derive(Debug)]
pub enum Stdio {
    /// What the calling process has.
    Inherit,
    /// Given: standard input, output, error.
    Given([OwnedFd; 3]),
    /// A new terminal, whose other end [`Started`] holds.
    Terminal,
}

/// A container to start.
#[derive(Debug)]
pub struct Container<'a> {
    pub spec: &'a Spec,
    /// Relative paths of the configuration start here.
    pub bundle: &'a Path,
    pub overlay: Option<&'a Overlay>,
    /// The machine's control groups; finding them anew takes as long as the table of mounts is.
    pub cgroups: &'a Cgroups,
    pub stdio: Stdio,
    /// A named pipe at which the finished container waits before it runs the program.
    pub hold_at: Option<&'a Path>,
    /// How many descriptors after the standard ones the program gets.
    pub preserved: u32,
}

/// A process to start in a running container.
#[derive(Debug)]
pub struct Joining<'a> {
    /// A process of the container.
    pub pid: i32,
    pub process: &'a Process,
    pub spec: &'a Spec,
    pub cgroups: &'a Cgroups,
    pub stdio: Stdio,
    pub preserved: u32,
}

/// A process that was started.
#[derive(Debug)]
pub struct Started {
    pub pid: Pid,
    pub pidfd: OwnedFd,
    pub terminal: Option<OwnedFd>,
}

/// What the child says. The kinds are the first byte of a message.
pub(crate) const TERMINAL: u8 = b'T';
pub(crate) const READY: u8 = b'R';
pub(crate) const FAILED: u8 = b'E';

/// The control group of a container, which may be none.
pub fn cgroup_of(linux: &Linux, cgroups: &Cgroups) -> anyhow::Result<Option<Cgroup>> {
    if linux.cgroups_path.is_empty() {
        return Ok(None);
    }
    Ok(Some(cgroups.open(&linux.cgroups_path)?))
}

/// Starts a container: makes its control group, then the process and everything around it.
pub fn start(mut container: Container<'_>) -> anyhow::Result<Started> {
    let linux = container.spec.linux();
    let process = container
        .spec
        .process
        .as_ref()
        .context("the configuration has no process")?;
    check(&linux, process)?;
    let seccomp = programs(&linux)?;
    let limits = linux
        .resources
        .as_ref()
        .map(crate::spec::Resources::limits)
        .unwrap_or_default();
    let group = if linux.cgroups_path.is_empty() {
        None
    } else {
        Some(container.cgroups.create(&linux.cgroups_path, &limits)?)
    };
    let mut new = NewNamespaces::MOUNT;
    let mut pid_namespace = None;
    for namespace in &linux.namespaces {
        match (namespace.kind.as_str(), &namespace.path) {
            ("pid", Some(path)) => pid_namespace = Some(path.clone()),
            ("pid", None) => new = new.with(NewNamespaces::PID),
            ("network", None) => new = new.with(NewNamespaces::NETWORK),
            ("ipc", None) => new = new.with(NewNamespaces::IPC),
            ("uts", None) => new = new.with(NewNamespaces::UTS),
            _ => {}
        }
    }
    let started = cloned(new, pid_namespace.as_deref(), |socket| {
        child::run_container(
            &mut container,
            process,
            &linux,
            &child::Prepared {
                socket,
                group: group.as_ref(),
                seccomp: &seccomp,
            },
        )
    });
    if started.is_err()
        && let Some(group) = group
    {
        let _ = group.kill();
        let _ = group.remove();
    }
    started
}

/// Starts a process in a running container.
pub fn join(joining: Joining<'_>) -> anyhow::Result<Started> {
    let linux = joining.spec.linux();
    check(&linux, joining.process)?;
    let seccomp = programs(&linux)?;
    let group = cgroup_of(&linux, joining.cgroups)?;
    // The child sees other numbers, so the process is opened here.
    let pid = Pid::from_raw(joining.pid).context("0 is no process")?;
    let target = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
        .with_context(|| format!("could not open process {pid} of the container"))?;
    let namespaces = PathBuf::from(format!("/proc/{pid}/ns/pid"));
    cloned(NewNamespaces::NONE, Some(&namespaces), |socket| {
        child::run_joined(
            joining,
            &target,
            &child::Prepared {
                socket,
                group: group.as_ref(),
                seccomp: &seccomp,
            },
        )
    })
}

fn programs(linux: &Linux) -> anyhow::Result<Programs> {
    match &linux.seccomp {
        Some(seccomp) => Ok(Programs::build(&seccomp.profile()?)?),
        None => Ok(Programs::default()),
    }
}

/// What is not implemented must not be ignored.
fn check(linux: &Linux, process: &Process) -> anyhow::Result<()> {
    if !linux.uid_mappings.is_empty() || linux.namespaces.iter().any(|space| space.kind == "user") {
        bail!("user namespaces are not implemented");
    }
    if !process.apparmor_profile.is_empty() && process.apparmor_profile != "unconfined" {
        bail!(
            "apparmor is not implemented (profile {:?})",
            process.apparmor_profile
        );
    }
    if !process.selinux_label.is_empty() || !linux.mount_label.is_empty() {
        bail!(
            "selinux is not implemented (label {:?})",
            process.selinux_label
        );
    }
    if process.args.is_empty() {
        bail!("the configuration names no program to run");
    }
    Ok(())
}

/// Clones this process and waits until the child is ready, has become the program, or failed.
fn cloned(
    new: NewNamespaces,
    pid_namespace: Option<&Path>,
    work: impl FnOnce(OwnedFd) -> anyhow::Result<()>,
) -> anyhow::Result<Started> {
    let (ours, theirs) = channel::pair()?;
    let home = match pid_namespace {
        Some(path) => Some(enter_pid_namespace(path)?),
        None => None,
    };
    let cloned = clone(new, false);
    if !matches!(cloned, Ok(Cloned::Child))
        && let Some(home) = &home
    {
        let kind = Some(LinkNameSpaceType::ProcessID);
        rustix::thread::move_into_link_name_space(home.as_fd(), kind)
            .context("could not go back to the own process namespace")?;
    }
    match cloned.context("could not clone")? {
        Cloned::Child => {
            drop(ours);
            let report = theirs.try_clone();
            let failed = match work(theirs) {
                Ok(()) => end(0),
                Err(error) => error,
            };
            if let Ok(report) = report {
                let mut message = vec![FAILED];
                message.extend(format!("{failed:#}").into_bytes());
                let _ = channel::send(&report, &message, &[]);
            }
            end(1)
        }
        Cloned::Parent { pid, pidfd } => {
            drop(theirs);
            let mut started = Started {
                pid,
                pidfd,
                terminal: None,
            };
            match wait(&ours, &mut started) {
                Ok(()) => Ok(started),
                Err(error) => {
                    let signal = rustix::process::Signal::KILL;
                    let _ = rustix::process::pidfd_send_signal(&started.pidfd, signal);
                    let options = rustix::process::WaitOptions::empty();
                    let _ = rustix::process::waitpid(Some(pid), options);
                    Err(error)
                }
            }
        }
    }
}

fn wait(socket: &OwnedFd, started: &mut Started) -> anyhow::Result<()> {
    while let Some((message, mut descriptors)) = channel::receive(socket)? {
        match message.split_first() {
            Some((&TERMINAL, _)) => started.terminal = descriptors.pop(),
            Some((&READY, _)) => return Ok(()),
            Some((&FAILED, text)) => bail!(String::from_utf8_lossy(text).into_owned()),
            _ => bail!("the new container said something that is not understood"),
        }
    }
    // It closes as well when the child is killed early; that then shows as an early end.
    Ok(())
}

/// Lets children be born into a process namespace; answers the way back.
fn enter_pid_namespace(path: &Path) -> anyhow::Result<File> {
    let home = File::open("/proc/self/ns/pid")?;
    let target =
        File::open(path).with_context(|| format!("could not open namespace {}", path.display()))?;
    rustix::thread::move_into_link_name_space(target.as_fd(), Some(LinkNameSpaceType::ProcessID))
        .map_err(io::Error::from)
        .with_context(|| format!("could not enter process namespace {}", path.display()))?;
    Ok(home)
}
