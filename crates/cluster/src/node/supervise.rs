//! The node's first process: keeps container runtime and kubelet running, and reaps.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, WaitOptions};
use styr_base::{Backoff, SharedClock, SystemClock, Tasks};
use styr_component::logs;
use tokio::signal::unix::{SignalKind, signal};

use super::{Sandbox, mounts, ports};

/// Where the runtime answers, within the node.
const RUNTIME_SOCKET: &str = "/run/styr/container-runtime.sock";
/// How long kubelet and runtime have to end.
const GRACE: Duration = Duration::from_secs(5);

/// A program that has to run as long as the node does.
struct Program {
    name: &'static str,
    args: Vec<String>,
    backoff: Backoff,
}

/// Runs a node until it is told to end.
pub(super) fn run(sandbox: &Sandbox, descriptors: &[i32]) -> Result<()> {
    logs::init(0);
    mounts::enter(sandbox)?;
    rustix::system::sethostname(sandbox.name.as_bytes()).context("could not set the name")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(keep(sandbox, descriptors))
}

async fn keep(sandbox: &Sandbox, descriptors: &[i32]) -> Result<()> {
    let clock = SystemClock::shared();
    let tasks = Tasks::new();
    ports::carry(
        &sandbox.ports,
        descriptors,
        IpAddr::V4(sandbox.address),
        (&tasks, &clock),
    )?;
    let mut children = signal(SignalKind::child()).context("could not watch children")?;
    let mut terminate = signal(SignalKind::terminate()).context("could not watch signals")?;
    let mut running: BTreeMap<i32, Program> = BTreeMap::new();
    for program in programs(sandbox) {
        start(program, &mut running)?;
    }
    super::say(super::STARTED)?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = children.recv() => {}
        }
        for ended in reap() {
            if let Some(program) = running.remove(&ended) {
                restart(program, &clock, &mut running).await?;
            }
        }
    }
    end(&running, &clock, &mut children).await;
    Ok(())
}

fn programs(sandbox: &Sandbox) -> [Program; 2] {
    let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
    let endpoint = format!("unix://{RUNTIME_SOCKET}");
    let runtime = vec![
        format!("--address={endpoint}"),
        "--images=/var/lib/styr/images".to_owned(),
        "--root=/var/lib/styr/runtime".to_owned(),
    ];
    [
        Program {
            name: "container-runtime",
            args: runtime,
            backoff: backoff.clone(),
        },
        Program {
            name: "kubelet",
            args: sandbox.kubelet.clone(),
            backoff,
        },
    ]
}

fn start(program: Program, running: &mut BTreeMap<i32, Program>) -> Result<()> {
    let path = format!("/var/log/{}.log", program.name);
    let log = File::options().create(true).append(true).open(&path);
    let log = log.with_context(|| format!("could not open {path}"))?;
    let child = Command::new(format!("/usr/local/bin/{}", program.name))
        .args(&program.args)
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("HOME", "/root")
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("could not share the log")?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("could not start {}", program.name))?;
    let pid = i32::try_from(child.id()).context("a process id that does not fit")?;
    running.insert(pid, program);
    Ok(())
}

async fn restart(
    mut program: Program,
    clock: &SharedClock,
    running: &mut BTreeMap<i32, Program>,
) -> Result<()> {
    let wait = program.backoff.next_wait();
    tracing::warn!(name = program.name, after = ?wait, "ended, and is started again");
    clock.sleep(wait).await;
    start(program, running)
}

/// Ids of all processes that have ended.
fn reap() -> Vec<i32> {
    let mut ended = Vec::new();
    while let Ok(Some((pid, _))) = rustix::process::wait(WaitOptions::NOHANG) {
        ended.push(pid.as_raw_nonzero().get());
    }
    ended
}

/// Asks all to end and waits a while; the kernel ends the rest with this process.
async fn end(
    running: &BTreeMap<i32, Program>,
    clock: &SharedClock,
    children: &mut tokio::signal::unix::Signal,
) {
    for pid in running.keys().filter_map(|pid| Pid::from_raw(*pid)) {
        if let Err(error) = rustix::process::kill_process(pid, Signal::TERM) {
            tracing::debug!(%error, "had ended already");
        }
    }
    let mut left = running.len();
    let deadline = clock.sleep(GRACE);
    tokio::pin!(deadline);
    while left > 0 {
        tokio::select! {
            () = &mut deadline => return,
            _ = children.recv() => {}
        }
        left -= reap()
            .iter()
            .filter(|pid| running.contains_key(pid))
            .count()
            .min(left);
    }
}
