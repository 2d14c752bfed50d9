//! Processes in running containers, and clients of their standard streams.

use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::pipe::{PipeFlags, pipe_with};
use styr_oci::pod_init::protocol::{Action, Ended};
use styr_oci::spec::Process;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::oneshot;

use super::{Container, Runtime, new_id};
use crate::pod_link::PodLink;

/// Output of a synchronous process that is kept.
const MOST_OUTPUT: usize = 16 << 20;
/// How long output is read after the process has ended, if others still hold the pipe.
const DRAIN: Duration = Duration::from_secs(2);

/// A process, or a container, with our ends of its streams.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) container: String,
    pub(crate) link: PodLink,
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: Option<OwnedFd>,
    pub(crate) stderr: Option<OwnedFd>,
    pub(crate) terminal: Option<OwnedFd>,
    /// How it ends; not for a container.
    pub(crate) ended: Option<oneshot::Receiver<Ended>>,
}

/// What a synchronous process said.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) code: i32,
}

impl Runtime {
    /// Starts a process in a container.
    pub(crate) async fn exec(
        &self,
        container: &Container,
        args: Vec<String>,
        terminal: bool,
        stdin: bool,
    ) -> anyhow::Result<Session> {
        let link = self.link_of(container)?;
        let spec = styr_oci::Spec::read(&container.folder.join("config.json"))?;
        let own = spec.process.context("the container has no process")?;
        let mut process = Process {
            args,
            terminal,
            ..own
        };
        if terminal && !process.env.iter().any(|entry| entry.starts_with("TERM=")) {
            process.env.push("TERM=xterm".to_owned());
        }
        let id = new_id();
        let (sender, receiver) = oneshot::channel();
        self.execs
            .lock()
            .expect("no holder of this lock panics")
            .insert(id.clone(), sender);
        let started = self.start_exec(&id, container, process, stdin).await;
        if started.is_err() {
            self.execs
                .lock()
                .expect("no holder of this lock panics")
                .remove(&id);
        }
        let (streams, terminal) = started?;
        let [stdin, stdout, stderr] = streams;
        Ok(Session {
            id,
            container: container.id.clone(),
            link,
            stdin,
            stdout,
            stderr,
            terminal,
            ended: Some(receiver),
        })
    }

    async fn start_exec(
        &self,
        id: &str,
        container: &Container,
        process: Process,
        stdin: bool,
    ) -> anyhow::Result<([Option<OwnedFd>; 3], Option<OwnedFd>)> {
        let link = self.link_of(container)?;
        let action = |process| Action::Exec {
            exec: id.to_owned(),
            container: container.id.clone(),
            process: Box::new(process),
        };
        if process.terminal {
            let answer = link.ask(action(process), &[]).await?;
            return Ok(([None, None, None], answer.descriptor));
        }
        let (input, our_input) = if stdin {
            let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC)?;
            (theirs, Some(ours))
        } else {
            (styr_kernel::process::open_null()?.into(), None)
        };
        let (our_output, output) = pipe_with(PipeFlags::CLOEXEC)?;
        let (our_error, error) = pipe_with(PipeFlags::CLOEXEC)?;
        link.ask(action(process), &[input, output, error]).await?;
        Ok(([our_input, Some(our_output), Some(our_error)], None))
    }

    /// Connects to the streams of a container.
    pub(crate) async fn attach(
        &self,
        container: &Container,
        stdin: bool,
    ) -> anyhow::Result<Session> {
        let link = self.link_of(container)?;
        let (our_output, output) = pipe_with(PipeFlags::CLOEXEC)?;
        let (our_error, error) = pipe_with(PipeFlags::CLOEXEC)?;
        let action = Action::Attach {
            container: container.id.clone(),
            stdin,
            stdout: true,
            stderr: true,
        };
        let answer = link.ask(action, &[output, error]).await?;
        let terminal = container.config.tty;
        let (stdin, terminal) = if terminal {
            (None, answer.descriptor)
        } else {
            (answer.descriptor, None)
        };
        Ok(Session {
            id: container.id.clone(),
            container: container.id.clone(),
            link,
            stdin,
            stdout: Some(our_output),
            stderr: Some(our_error),
            terminal,
            ended: None,
        })
    }

    fn link_of(&self, container: &Container) -> anyhow::Result<PodLink> {
        if !container.is_running() {
            return Err(anyhow!(
                "container is in {:?} state",
                super::convert::state_of(container)
            ));
        }
        let pod = self
            .pod(&container.pod)
            .map_err(|error| anyhow!("{error}"))?;
        pod.link()
            .with_context(|| format!("sandbox {:?} is not running", pod.id))
    }

    /// Runs a process to its end. `None` if it took too long; it is ended then.
    pub(crate) async fn exec_sync(
        &self,
        container: &Container,
        args: Vec<String>,
        patience: Option<Duration>,
    ) -> anyhow::Result<Option<Output>> {
        let mut session = self.exec(container, args, false, false).await?;
        let ended = session.ended.take().context("a process without an end")?;
        let stdout = session.stdout.take().context("a process without output")?;
        let stderr = session.stderr.take().context("a process without output")?;
        let mut output = Output::default();
        let timeout = async {
            match patience {
                Some(patience) => self.clock.sleep(patience).await,
                None => std::future::pending().await,
            }
        };
        let mut read = Box::pin(async {
            tokio::join!(
                collect(stdout, &mut output.stdout),
                collect(stderr, &mut output.stderr)
            )
        });
        let wait = async {
            let mut ended = ended;
            tokio::select! {
                _ = &mut read => ended.await,
                found = &mut ended => {
                    tokio::select! {
                        _ = &mut read => {}
                        () = self.clock.sleep(DRAIN) => {}
                    }
                    found
                }
            }
        };
        let found = tokio::select! {
            found = wait => found,
            () = timeout => {
                let _ = session.link.signal(&session.id, libc::SIGKILL).await;
                return Ok(None);
            }
        };
        drop(read);
        output.code = found.context("the pod has ended")?.code;
        Ok(Some(output))
    }
}

async fn collect(source: OwnedFd, into: &mut Vec<u8>) -> anyhow::Result<()> {
    let mut source = pipe::Receiver::from_owned_fd(source)?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = source.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        // What is too much is read all the same, so that the process does not hang.
        let room = MOST_OUTPUT.saturating_sub(into.len());
        into.extend_from_slice(&buffer[..length.min(room)]);
    }
}
