//! The connection to a pod's init: requests, answers, and the ends of processes.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::{Context, bail};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use styr_base::Tasks;
use styr_oci::channel;
use styr_oci::pod_init::SOCKET_FILE;
use styr_oci::pod_init::protocol::{Action, Ended, Message, Request};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot};

/// Ends that may wait to be dealt with.
const MOST_ENDS: usize = 64;

/// What comes back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) message: Message,
    pub(crate) descriptor: Option<OwnedFd>,
}

/// Something that happened in the pod.
#[derive(Debug)]
pub(crate) enum PodEvent {
    Ended(Ended),
    /// The init itself has gone, and all its containers with it.
    Gone,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    answers: HashMap<u64, oneshot::Sender<Answer>>,
    gone: bool,
}

/// A connection; it is closed when the last copy is dropped.
#[derive(Debug, Clone)]
pub(crate) struct PodLink {
    socket: Arc<AsyncFd<OwnedFd>>,
    waiting: Arc<Mutex<Waiting>>,
    _tasks: Arc<Tasks>,
}

impl PodLink {
    /// Connects to the init whose socket lies in `folder`.
    #[expect(
        deprecated,
        reason = "its successor is unsafe; an owned descriptor is not"
    )]
    pub(crate) fn connect(folder: &Path) -> anyhow::Result<(Self, mpsc::Receiver<PodEvent>)> {
        use std::os::fd::AsRawFd;
        let held = std::fs::File::open(folder)?;
        let flags = SocketFlags::CLOEXEC;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let name = format!("/proc/self/fd/{}/{SOCKET_FILE}", held.as_raw_fd());
        rustix::net::connect(&socket, &SocketAddrUnix::new(name.as_str())?)
            .with_context(|| format!("could not connect to the pod at {}", folder.display()))?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        let socket = Arc::new(AsyncFd::new(socket)?);
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let (sender, receiver) = mpsc::channel(MOST_ENDS);
        let tasks = Tasks::new();
        tasks.spawn_infallible(listen(Arc::clone(&socket), Arc::clone(&waiting), sender));
        Ok((
            Self {
                socket,
                waiting,
                _tasks: Arc::new(tasks),
            },
            receiver,
        ))
    }

    /// Asks, and waits for the answer. An error that the init reports is an error here.
    pub(crate) async fn ask(&self, action: Action, along: &[OwnedFd]) -> anyhow::Result<Answer> {
        let (sender, receiver) = oneshot::channel();
        let number = {
            let mut waiting = self.waiting.lock().expect("no holder of this lock panics");
            if waiting.gone {
                bail!("the pod has ended");
            }
            waiting.next += 1;
            let number = waiting.next;
            waiting.answers.insert(number, sender);
            number
        };
        let text = serde_json::to_vec(&Request { number, action })?;
        if text.len() > channel::LONGEST {
            bail!("the request is longer than {} bytes", channel::LONGEST);
        }
        let descriptors: Vec<_> = along.iter().map(AsFd::as_fd).collect();
        let send = |socket: &OwnedFd| channel::send(socket, &text, &descriptors);
        self.socket
            .async_io(Interest::WRITABLE, send)
            .await
            .context("could not ask the pod")?;
        let answer = receiver.await.context("the pod has ended")?;
        match &answer.message.error {
            Some(error) => bail!("{error}"),
            None => Ok(answer),
        }
    }

    /// Sends a signal to a container or a process.
    pub(crate) async fn signal(&self, id: &str, signal: i32) -> anyhow::Result<()> {
        self.ask(
            Action::Signal {
                id: id.to_owned(),
                signal,
            },
            &[],
        )
        .await
        .map(|_| ())
    }
}

async fn listen(
    socket: Arc<AsyncFd<OwnedFd>>,
    waiting: Arc<Mutex<Waiting>>,
    events: mpsc::Sender<PodEvent>,
) {
    loop {
        let received = socket.async_io(Interest::READABLE, receive).await;
        let Ok(Some((message, descriptor))) = received else {
            break;
        };
        if let Some(ended) = message.ended {
            if events.send(PodEvent::Ended(ended)).await.is_err() {
                break;
            }
            continue;
        }
        let mut waiting = waiting.lock().expect("no holder of this lock panics");
        if let Some(sender) = waiting.answers.remove(&message.number) {
            // Whoever asked may have stopped waiting.
            let _ = sender.send(Answer {
                message,
                descriptor,
            });
        }
    }
    {
        let mut waiting = waiting.lock().expect("no holder of this lock panics");
        waiting.gone = true;
        waiting.answers.clear();
    }
    let _ = events.send(PodEvent::Gone).await;
}

fn receive(socket: &OwnedFd) -> io::Result<Option<(Message, Option<OwnedFd>)>> {
    let Some((text, mut descriptors)) = channel::receive(socket)? else {
        return Ok(None);
    };
    let message = serde_json::from_slice(&text).map_err(io::Error::other)?;
    Ok(Some((message, descriptors.pop())))
}
