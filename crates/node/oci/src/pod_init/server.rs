//! The loop of a pod init: requests, output of containers, ends of processes.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use anyhow::{Context, bail};
use rustix::event::{PollFd, PollFlags};
use rustix::net::SocketFlags;
use rustix::process::WaitOptions;
use styr_kernel::cgroups::Cgroups;
use styr_kernel::process::{self, signals::SignalFd};

use super::protocol::{Action, Ended, Message, Request};
use super::running::Running;
use crate::channel;

/// Reads from one stream before the others have their turn.
const ROUNDS: usize = 16;

pub(super) struct Server {
    socket: OwnedFd,
    signals: SignalFd,
    cgroups: Cgroups,
    pause: Option<i32>,
    clients: Vec<Client>,
    running: BTreeMap<String, Running>,
    stopping: bool,
}

struct Client {
    socket: OwnedFd,
    subscribed: bool,
}

type Answer = anyhow::Result<(Message, Option<OwnedFd>)>;

impl Server {
    pub(super) fn new(
        socket: OwnedFd,
        signals: SignalFd,
        cgroups: Cgroups,
        pause: Option<i32>,
    ) -> Self {
        let (clients, running) = (Vec::new(), BTreeMap::new());
        Self {
            socket,
            signals,
            cgroups,
            pause,
            clients,
            running,
            stopping: false,
        }
    }

    /// Until it is told to stop.
    pub(super) fn serve(mut self) -> anyhow::Result<()> {
        while !self.stopping {
            let ready = self.wait()?;
            let is_ready = |fd: BorrowedFd<'_>| ready.contains(&fd.as_raw_fd());
            if is_ready(self.signals.as_fd()) {
                while self.signals.take().is_some() {}
                self.reap();
            }
            for running in self.running.values_mut() {
                let Running { outputs, log, .. } = running;
                for output in outputs {
                    if output.source().is_some_and(is_ready) {
                        output.pump(log, ROUNDS);
                    }
                    if output.waiting().any(is_ready) {
                        output.flush();
                    }
                }
            }
            let mut served = Vec::new();
            for client in std::mem::take(&mut self.clients) {
                if !is_ready(client.socket.as_fd()) {
                    served.push(client);
                } else if let Some(client) = self.serve_client(client) {
                    served.push(client);
                }
            }
            served.append(&mut self.clients);
            self.clients = served;
            if is_ready(self.socket.as_fd()) {
                self.accept();
            }
            self.running.retain(|_, running| !running.is_done());
        }
        Ok(())
    }

    fn wait(&self) -> anyhow::Result<Vec<i32>> {
        let mut polls = vec![
            PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
        ];
        let read = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        polls.extend(
            self.clients
                .iter()
                .map(|client| read(client.socket.as_fd())),
        );
        for output in self.running.values().flat_map(|running| &running.outputs) {
            polls.extend(output.source().map(read));
            let write = |fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT);
            polls.extend(output.waiting().map(write));
        }
        match rustix::event::poll(&mut polls, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("could not wait"),
        }
        let ready = polls.iter().filter(|poll| !poll.revents().is_empty());
        Ok(ready.map(|poll| poll.as_fd().as_raw_fd()).collect())
    }

    fn accept(&mut self) {
        if let Ok(socket) = rustix::net::accept_with(&self.socket, SocketFlags::CLOEXEC) {
            self.clients.push(Client {
                socket,
                subscribed: false,
            });
        }
    }

    /// `None` when the client has gone.
    fn serve_client(&mut self, mut client: Client) -> Option<Client> {
        let (text, descriptors) = channel::receive(&client.socket).ok()??;
        let request: Request = match serde_json::from_slice(&text) {
            Ok(request) => request,
            Err(error) => {
                tracing::warn!(%error, "request is not understood");
                return None;
            }
        };
        drop(text);
        if matches!(request.action, Action::Subscribe) {
            client.subscribed = true;
        }
        let (mut message, descriptor) = match self.act(request.action, descriptors) {
            Ok(answer) => answer,
            Err(error) => (
                Message {
                    error: Some(format!("{error:#}")),
                    ..Message::default()
                },
                None,
            ),
        };
        message.number = request.number;
        let descriptors: Vec<_> = descriptor.iter().map(AsFd::as_fd).collect();
        say(&client.socket, &message, &descriptors).ok()?;
        process::trim_memory();
        Some(client)
    }

    fn act(&mut self, action: Action, mut descriptors: Vec<OwnedFd>) -> Answer {
        let mut message = Message::default();
        let mut descriptor = None;
        match action {
            Action::Subscribe => {
                let alive = self.running.values().filter(|running| !running.ended);
                message.running = alive.map(|running| running.id.clone()).collect();
            }
            Action::Start { container, folder } => {
                if self.running.contains_key(&container) {
                    bail!("container {container} runs already");
                }
                let running = Running::start(&container, &folder, (&self.cgroups, self.pause))?;
                message.pid = Some(running.pid);
                self.running.insert(container, running);
            }
            Action::Exec {
                exec,
                container,
                process,
            } => {
                let running = alive(&mut self.running, &container)?;
                let (running, terminal) =
                    running.exec(&exec, &process, (&self.cgroups, descriptors))?;
                message.pid = Some(running.pid);
                descriptor = terminal;
                self.running.insert(exec, running);
            }
            Action::Attach {
                container,
                stdin,
                stdout,
                stderr,
            } => {
                descriptors.reverse();
                let targets =
                    [stdout, stderr].map(|wanted| wanted.then(|| descriptors.pop()).flatten());
                descriptor = alive(&mut self.running, &container)?.attach(stdin, targets.into())?;
            }
            Action::CloseStdin { container } => alive(&mut self.running, &container)?.close_stdin(),
            Action::ReopenLog { container } => {
                alive(&mut self.running, &container)?.log.reopen()?;
            }
            Action::Signal { id, signal } => alive(&mut self.running, &id)?.signal(signal)?,
            Action::Stop => self.stop(),
        }
        Ok((message, descriptor))
    }

    fn stop(&mut self) {
        for running in self.running.values() {
            let _ = running.signal(libc::SIGKILL);
        }
        while self.running.values().any(|running| !running.ended) {
            match rustix::process::wait(WaitOptions::empty()) {
                Ok(Some((pid, status))) => drop(self.note(pid.as_raw_nonzero().get(), status)),
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
        self.stopping = true;
    }

    /// Only here are ends noted, so that the answer to a start always comes before them.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            let Some(ended) = self.note(pid.as_raw_nonzero().get(), status) else {
                continue;
            };
            let event = Message {
                ended: Some(ended),
                ..Message::default()
            };
            for client in &self.clients {
                if client.subscribed
                    && let Err(error) = say(&client.socket, &event, &[])
                {
                    tracing::warn!(%error, "an end is not told");
                }
            }
        }
    }

    fn note(&mut self, pid: i32, status: rustix::process::WaitStatus) -> Option<Ended> {
        let is_it = |running: &&mut Running| running.pid == pid && !running.ended;
        let running = self.running.values_mut().find(is_it)?;
        Some(running.end(status))
    }
}

fn alive<'a>(all: &'a mut BTreeMap<String, Running>, id: &str) -> anyhow::Result<&'a mut Running> {
    let found = all.get_mut(id).filter(|running| !running.ended);
    found.with_context(|| format!("{id} does not run"))
}

fn say(socket: &OwnedFd, message: &Message, descriptors: &[BorrowedFd<'_>]) -> anyhow::Result<()> {
    Ok(channel::send(
        socket,
        &serde_json::to_vec(message)?,
        descriptors,
    )?)
}
