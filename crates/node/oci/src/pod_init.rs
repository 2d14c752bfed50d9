//! The first process of a pod: single-threaded, small, and independent of everything above it.
//!
//! It holds the pod's namespaces, is the parent of all its containers, writes their logs and how
//! they ended, and serves the container runtime on a socket. Runtime and kubelet may come and go.

use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};
use styr_kernel::cgroups::{Cgroups, Limits};
use styr_kernel::process::signals::SignalFd;
use styr_kernel::process::{self, Cloned, NewNamespaces};

mod log;
mod output;
pub mod protocol;
mod running;
mod server;

use protocol::Pod;

/// The hidden subcommand's name.
pub const NAME: &str = "pod-init";
/// Files in a pod's folder.
pub const POD_FILE: &str = "pod.json";
pub const SOCKET_FILE: &str = "init.sock";
pub const PID_FILE: &str = "init.pid";
/// Files in a container's folder.
pub const RUN_FILE: &str = "run.json";
pub const EXIT_FILE: &str = "exit.json";
pub const STARTED_FILE: &str = "started.json";

/// Said on standard output when the socket is there.
pub const READY: &[u8] = b"ready\n";
const BACKLOG: i32 = 16;

/// Runs until the pod is stopped: `pod-init FOLDER`.
pub fn command(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let [folder] = arguments else {
        bail!("pod-init takes the folder of a pod");
    };
    let folder = PathBuf::from(folder);
    let file = folder.join(POD_FILE);
    let text = fs::read(&file).with_context(|| format!("could not read {}", file.display()))?;
    let pod: Pod = serde_json::from_slice(&text).context("could not understand the pod")?;
    drop(text);
    rustix::process::setsid().ok(); // already a leader when started from a shell
    // The terminal's and the parent's signals are not the pod's.
    let signals = SignalFd::block(&[libc::SIGCHLD, libc::SIGHUP, libc::SIGINT, libc::SIGPIPE])
        .context("could not block signals")?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .context("could not become the reaper of the pod")?;
    rustix::process::chdir("/").context("could not go to the root folder")?;
    let cgroups = Cgroups::detect()?;
    enter(&pod, &cgroups)?;
    let pause = if pod.shared_processes {
        Some(start_pause()?)
    } else {
        None
    };
    let socket = listen(&folder)?;
    let started = process::start_time(rustix::process::getpid().as_raw_nonzero().get())?;
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    fs::write(folder.join(PID_FILE), format!("{pid} {started}"))?;
    rustix::io::write(rustix::stdio::stdout(), READY)?;
    let null = process::open_null()?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stdin(&null)?;
    drop(null);
    process::trim_memory();
    server::Server::new(socket, signals, cgroups, pause).serve()?;
    Ok(ExitCode::SUCCESS)
}

fn enter(pod: &Pod, cgroups: &Cgroups) -> anyhow::Result<()> {
    if !pod.cgroup.is_empty() {
        let group = cgroups.create(&pod.cgroup, &Limits::default())?;
        group
            .enter()
            .context("could not enter the pod's control group")?;
    }
    process::set_oom_score(pod.oom_score)?;
    if let Some(path) = &pod.network {
        let file = fs::File::open(path)
            .with_context(|| format!("could not open namespace {}", path.display()))?;
        rustix::thread::move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .with_context(|| format!("could not enter namespace {}", path.display()))?;
    }
    let mut new = UnshareFlags::empty();
    if pod.own_ipc {
        new |= UnshareFlags::NEWIPC;
    }
    if pod.own_host_name {
        new |= UnshareFlags::NEWUTS;
    }
    process::unshare(new).context("could not make the pod's namespaces")?;
    if pod.own_host_name && !pod.host_name.is_empty() {
        rustix::system::sethostname(pod.host_name.as_bytes())
            .with_context(|| format!("could not set the host name {:?}", pod.host_name))?;
    }
    for (name, value) in &pod.sysctls {
        crate::launch::set_sysctl(name, value)?;
    }
    Ok(())
}

/// The first process of a process namespace that containers share. It only reaps.
fn start_pause() -> anyhow::Result<i32> {
    match process::clone(NewNamespaces::PID, false).context("could not start the pause process")? {
        Cloned::Parent { pid, .. } => Ok(pid.as_raw_nonzero().get()),
        Cloned::Child => {
            let parent_ends = Some(rustix::process::Signal::KILL);
            let _ = rustix::process::set_parent_process_death_signal(parent_ends);
            let _ = rustix::thread::set_name(c"pause");
            // Without rights of its own, as containers can see it.
            let nothing = process::capabilities::Sets::default();
            let _ = process::capabilities::apply(nothing);
            loop {
                let signal = SignalFd::block(&[libc::SIGCHLD, libc::SIGTERM, libc::SIGINT]);
                let Ok(signal) = signal else { process::end(1) };
                let mut wait = [rustix::event::PollFd::new(
                    &signal,
                    rustix::event::PollFlags::IN,
                )];
                let _ = rustix::event::poll(&mut wait, None);
                let options = rustix::process::WaitOptions::NOHANG;
                while let Ok(Some(_)) = rustix::process::wait(options) {}
                while let Some(number) = signal.take() {
                    if number != libc::SIGCHLD {
                        process::end(0);
                    }
                }
            }
        }
    }
}

/// Socket names are at most 107 bytes long, so the folder is named by its descriptor.
fn listen(folder: &Path) -> anyhow::Result<std::os::fd::OwnedFd> {
    let held = fs::File::open(folder)?;
    let _ = fs::remove_file(folder.join(SOCKET_FILE));
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    let name = format!("/proc/self/fd/{}/{SOCKET_FILE}", held.as_raw_fd());
    let address = SocketAddrUnix::new(name.as_str())?;
    rustix::net::bind(&socket, &address).context("could not bind the pod's socket")?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}
