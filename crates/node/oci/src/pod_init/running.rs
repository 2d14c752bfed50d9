//! A container or process that this pod init is the parent of.

use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::WaitStatus;
use styr_kernel::cgroups::{Cgroup, Cgroups};
use styr_kernel::process;

use super::log::Log;
use super::output::Output;
use super::protocol::{Began, Ended, Run};
use super::{EXIT_FILE, RUN_FILE, STARTED_FILE};
use crate::launch::{self, Container, Started, Stdio};
use crate::spec::{Namespace, Process, Spec};

/// Rounds of reading what is left when the process has ended.
const LAST_ROUNDS: usize = 4096;

#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: String,
    pub(super) pid: i32,
    /// Of a container; a process in one has none.
    folder: Option<PathBuf>,
    group: Option<Cgroup>,
    own_processes: bool,
    pub(super) log: Log,
    pub(super) outputs: Vec<Output>,
    /// The write end of standard input, or the terminal.
    input: Option<OwnedFd>,
    stdin_once: bool,
    is_terminal: bool,
    pub(super) ended: bool,
}

impl Running {
    /// Starts the container of a folder.
    pub(super) fn start(
        id: &str,
        folder: &Path,
        (cgroups, pause): (&Cgroups, Option<i32>),
    ) -> anyhow::Result<Self> {
        let run: Run = serde_json::from_slice(&fs::read(folder.join(RUN_FILE))?)
            .context("could not understand the container's run file")?;
        let mut spec = Spec::read(&folder.join("config.json"))?;
        if let (true, Some(pause)) = (run.shared_processes, pause) {
            share_processes(&mut spec, pause);
        }
        let log = Log::open(&run.log)
            .with_context(|| format!("could not open the log {}", run.log.display()))?;
        let terminal = spec
            .process
            .as_ref()
            .is_some_and(|process| process.terminal);
        let (stdio, ours) = if terminal {
            (Stdio::Terminal, Vec::new())
        } else {
            pipes(run.stdin)?
        };
        let container = Container {
            spec: &spec,
            bundle: folder,
            overlay: Some(&run.overlay),
            cgroups,
            stdio,
            hold_at: None,
            preserved: 0,
        };
        let started = launch::start(container)?;
        let linux = spec.linux();
        let group = launch::cgroup_of(&linux, cgroups)?;
        let own = |space: &Namespace| space.kind == "pid" && space.path.is_none();
        let pid = started.pid.as_raw_nonzero().get();
        let began = Began {
            pid,
            start_time: process::start_time(pid).unwrap_or(0),
            nanoseconds: now(),
        };
        write(folder, STARTED_FILE, &serde_json::to_vec(&began)?)?;
        let (outputs, input) = streams(started, ours, run.longest_line)?;
        Ok(Self {
            id: id.to_owned(),
            pid,
            folder: Some(folder.to_owned()),
            group,
            own_processes: linux.namespaces.iter().any(own),
            log,
            outputs,
            input,
            stdin_once: run.stdin_once,
            is_terminal: terminal,
            ended: false,
        })
    }

    /// Starts a process in this container.
    pub(super) fn exec(
        &self,
        id: &str,
        process: &Process,
        (cgroups, descriptors): (&Cgroups, Vec<OwnedFd>),
    ) -> anyhow::Result<(Self, Option<OwnedFd>)> {
        let folder = self.folder.as_ref().context("a process is no container")?;
        let spec = Spec::read(&folder.join("config.json"))?;
        let stdio = if process.terminal {
            Stdio::Terminal
        } else {
            let given: Result<[OwnedFd; 3], _> = descriptors.try_into();
            Stdio::Given(given.map_err(|_| anyhow!("three descriptors have to come along"))?)
        };
        let joining = launch::Joining {
            pid: self.pid,
            process,
            spec: &spec,
            cgroups,
            stdio,
            preserved: 0,
        };
        let started = launch::join(joining)?;
        let running = Self {
            id: id.to_owned(),
            pid: started.pid.as_raw_nonzero().get(),
            folder: None,
            group: None,
            own_processes: false,
            log: Log::open(Path::new(""))?,
            outputs: Vec::new(),
            input: None,
            stdin_once: false,
            is_terminal: process.terminal,
            ended: false,
        };
        Ok((running, started.terminal))
    }

    /// Copies output to clients; answers standard input, if wanted and there.
    pub(super) fn attach(
        &mut self,
        stdin: bool,
        targets: Vec<Option<OwnedFd>>,
    ) -> anyhow::Result<Option<OwnedFd>> {
        for (output, target) in self.outputs.iter_mut().zip(targets) {
            if let Some(target) = target {
                output.attach(target);
            }
        }
        let wanted = stdin || self.is_terminal;
        let input = self.input.as_ref().filter(|_| wanted);
        Ok(input.map(OwnedFd::try_clone).transpose()?)
    }

    /// A client of standard input has gone.
    pub(super) fn close_stdin(&mut self) {
        if self.stdin_once && !self.is_terminal {
            self.input = None;
        }
    }

    pub(super) fn signal(&self, signal: i32) -> anyhow::Result<()> {
        if !self.ended {
            process::kill(self.pid, signal)?;
        }
        Ok(())
    }

    /// Writes down how it ended, after everything it said.
    pub(super) fn end(&mut self, status: WaitStatus) -> Ended {
        self.ended = true;
        self.input = None;
        let code = status.exit_status().unwrap_or_else(|| {
            status
                .terminating_signal()
                .map_or(255, |signal| 128 + signal)
        });
        let mut ended = Ended {
            id: self.id.clone(),
            code,
            out_of_memory: false,
            nanoseconds: now(),
        };
        if let Some(group) = &self.group {
            ended.out_of_memory = code != 0 && group.oom_kills() > 0;
            if !self.own_processes
                && let Err(error) = group.kill()
            {
                tracing::warn!(%error, id = self.id, "processes of a container remain");
            }
        }
        for output in &mut self.outputs {
            output.pump(&mut self.log, LAST_ROUNDS);
            output.end(&mut self.log);
        }
        if let Some(group) = &self.group
            && let Err(error) = group.remove()
        {
            tracing::warn!(%error, id = self.id, "a control group remains");
        }
        if let Some(folder) = &self.folder {
            let text = serde_json::to_vec(&ended).unwrap_or_default();
            if let Err(error) = write(folder, EXIT_FILE, &text) {
                tracing::error!(%error, id = self.id, "the end of a container is not written down");
            }
        }
        ended
    }

    /// Nothing is left to be done for it.
    pub(super) fn is_done(&self) -> bool {
        self.ended && self.outputs.iter().all(Output::is_done)
    }
}

/// Containers of the pod see each other: they live in the namespace of the pause process.
fn share_processes(spec: &mut Spec, pause: i32) {
    let path = Some(PathBuf::from(format!("/proc/{pause}/ns/pid")));
    let linux = spec.linux.get_or_insert_default();
    linux.namespaces.retain(|space| space.kind != "pid");
    linux.namespaces.push(Namespace {
        kind: "pid".to_owned(),
        path,
    });
}

type Ours = Vec<OwnedFd>;

/// Pipes for a container: its ends, and ours (output, error, then perhaps input).
fn pipes(stdin: bool) -> anyhow::Result<(Stdio, Ours)> {
    let (output, container_output) = pipe_with(PipeFlags::CLOEXEC)?;
    let (error, container_error) = pipe_with(PipeFlags::CLOEXEC)?;
    let mut ours = vec![output, error];
    let input = if stdin {
        let (container_input, input) = pipe_with(PipeFlags::CLOEXEC)?;
        ours.push(input);
        container_input
    } else {
        process::open_null()?.into()
    };
    Ok((
        Stdio::Given([input, container_output, container_error]),
        ours,
    ))
}

fn streams(
    started: Started,
    mut ours: Ours,
    longest: usize,
) -> anyhow::Result<(Vec<Output>, Option<OwnedFd>)> {
    if let Some(terminal) = started.terminal {
        let source = terminal.try_clone()?;
        rustix::io::ioctl_fionbio(&source, true)?;
        return Ok((vec![Output::new(source, "stdout", longest)], Some(terminal)));
    }
    let input = if ours.len() > 2 { ours.pop() } else { None };
    let mut outputs = Vec::new();
    for (source, stream) in ours.into_iter().zip(["stdout", "stderr"]) {
        rustix::io::ioctl_fionbio(source.as_fd(), true)?;
        outputs.push(Output::new(source, stream, longest));
    }
    Ok((outputs, input))
}

fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

/// Whole or not at all, even if the machine stops.
fn write(folder: &Path, name: &str, text: &[u8]) -> std::io::Result<()> {
    let temporary = folder.join(format!(".{name}"));
    let mut file = fs::File::create(&temporary)?;
    file.write_all(text)?;
    fs::rename(&temporary, folder.join(name))
}
