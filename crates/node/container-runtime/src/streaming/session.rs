//! Exec and attach: a client's streams on one side, a process's on the other.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use styr_oci::pod_init::protocol::Action;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use super::spdy::{Connection, Stream, StreamSink};
use super::{PATIENCE, Wanted};
use crate::runtime::{Runtime, Session};

const BUFFER: usize = 32 * 1024;
/// How long output is read after the process has ended.
const DRAIN: Duration = Duration::from_secs(2);

/// Where a client hears from us.
#[derive(Debug, Clone)]
pub(super) enum Sink {
    Spdy(StreamSink),
    Socket {
        channel: u8,
        frames: mpsc::Sender<(u8, Bytes)>,
    },
}

impl Sink {
    pub(super) async fn write(&self, bytes: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Spdy(sink) => sink.write(bytes).await,
            Self::Socket { channel, frames } => frames
                .send((*channel, Bytes::copy_from_slice(bytes)))
                .await
                .ok()
                .context("the client has gone"),
        }
    }

    async fn finish(&self) {
        if let Self::Spdy(sink) = self {
            // A client that has gone needs no end.
            let _ = sink.finish().await;
        }
    }
}

/// A client's streams.
#[derive(Debug, Default)]
pub(super) struct Channels {
    pub(super) stdin: Option<mpsc::Receiver<Bytes>>,
    pub(super) stdout: Option<Sink>,
    pub(super) stderr: Option<Sink>,
    pub(super) error: Option<Sink>,
    pub(super) resize: Option<mpsc::Receiver<Bytes>>,
}

/// Which streams a client opens.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "so the contract names them")]
pub(super) struct Chosen {
    pub(super) stdin: bool,
    pub(super) stdout: bool,
    pub(super) stderr: bool,
    pub(super) tty: bool,
}

pub(super) fn chosen(wanted: &Wanted) -> Chosen {
    match wanted {
        Wanted::Exec(exec) => Chosen {
            stdin: exec.stdin,
            stdout: exec.stdout,
            stderr: exec.stderr && !exec.tty,
            tty: exec.tty,
        },
        Wanted::Attach(attach) => Chosen {
            stdin: attach.stdin,
            stdout: attach.stdout,
            stderr: attach.stderr && !attach.tty,
            tty: attach.tty,
        },
        Wanted::PortForward(_) => Chosen {
            stdin: false,
            stdout: false,
            stderr: false,
            tty: false,
        },
    }
}

/// Over SPDY: waits for the streams, then runs.
pub(super) async fn over_spdy(
    runtime: &Runtime,
    wanted: Wanted,
    protocol: &str,
    mut connection: Connection,
) -> anyhow::Result<()> {
    let chosen = chosen(&wanted);
    let mut missing = 1 + usize::from(chosen.stdin) + usize::from(chosen.stdout);
    let can_resize = !matches!(protocol, "" | "channel.k8s.io" | "v2.channel.k8s.io");
    missing += usize::from(chosen.stderr) + usize::from(chosen.tty && can_resize);
    let mut channels = Channels::default();
    let collect = async {
        while missing > 0 {
            let stream = connection
                .incoming
                .recv()
                .await
                .context("the client has gone")?;
            stream.accept().await?;
            missing -= 1;
            place(stream, &mut channels)?;
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::select! {
        collected = collect => collected?,
        () = runtime.clock.sleep(PATIENCE) => bail!("timed out waiting for client to create streams"),
    }
    let with_status = protocol.starts_with("v4") || protocol.starts_with("v5");
    run(runtime, wanted, channels, with_status).await?;
    connection.close().await.ok();
    Ok(())
}

fn place(stream: Stream, channels: &mut Channels) -> anyhow::Result<()> {
    let sink = Sink::Spdy(stream.sink());
    let kind = stream.header("streamtype").unwrap_or_default().to_owned();
    match kind.as_str() {
        "stdin" => channels.stdin = Some(stream.data),
        "stdout" => channels.stdout = Some(sink),
        "stderr" => channels.stderr = Some(sink),
        "error" => channels.error = Some(sink),
        "resize" => channels.resize = Some(stream.data),
        other => bail!("unexpected stream type: {other:?}"),
    }
    Ok(())
}

/// Runs to the end, and tells how it ended.
pub(super) async fn run(
    runtime: &Runtime,
    wanted: Wanted,
    mut channels: Channels,
    with_status: bool,
) -> anyhow::Result<()> {
    let error = channels.error.take();
    let sinks: Vec<_> = [&channels.stdout, &channels.stderr]
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let result = match wanted {
        Wanted::Exec(exec) => {
            let container = runtime.container(&exec.container_id)?;
            match runtime
                .exec(&container, exec.cmd, exec.tty, exec.stdin)
                .await
            {
                Ok(session) => pump(runtime, session, channels).await,
                Err(error) => Err(error.context("failed to exec in container")),
            }
        }
        Wanted::Attach(attach) => {
            let container = runtime.container(&attach.container_id)?;
            match runtime.attach(&container, attach.stdin).await {
                Ok(session) => {
                    tokio::select! {
                        result = pump(runtime, session, channels) => result,
                        () = async { container.ended().await; runtime.clock.sleep(DRAIN).await } => Ok(0),
                    }
                }
                Err(error) => Err(error.context("failed to attach to container")),
            }
        }
        Wanted::PortForward(_) => bail!("ports are not forwarded here"),
    };
    if let Some(error) = error {
        let text = outcome(&result, with_status);
        if !text.is_empty() {
            error.write(text.as_bytes()).await.ok();
        }
        for sink in &sinks {
            sink.finish().await;
        }
        error.finish().await;
    }
    result.map(|_| ())
}

fn outcome(result: &anyhow::Result<i32>, with_status: bool) -> String {
    let (status, text) = match result {
        Ok(0) => (json!({"metadata": {}, "status": "Success"}), String::new()),
        Ok(code) => {
            let text = format!("command terminated with non-zero exit code: exit status {code}");
            let status = json!({
                "metadata": {},
                "status": "Failure",
                "message": text,
                "reason": "NonZeroExitCode",
                "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]}
            });
            (status, text)
        }
        Err(error) => {
            let text = format!("error executing command in container: {error:#}");
            let status = json!({
                "metadata": {},
                "status": "Failure",
                "message": format!("Internal error occurred: {text}"),
                "reason": "InternalError",
                "details": {"causes": [{"message": text}]},
                "code": 500
            });
            (status, text)
        }
    };
    if with_status {
        status.to_string()
    } else {
        text
    }
}

async fn pump(runtime: &Runtime, mut session: Session, channels: Channels) -> anyhow::Result<i32> {
    let ended = session.ended.take();
    let is_attached = ended.is_none();
    let terminal = session.terminal.take().map(Descriptor::new).transpose()?;
    let stdin = session.stdin.take().map(Descriptor::new).transpose()?;
    let stdout = session.stdout.take().map(Descriptor::new).transpose()?;
    let stderr = session.stderr.take().map(Descriptor::new).transpose()?;
    let input = async {
        if let Some(mut source) = channels.stdin {
            let target = stdin.as_ref().or(terminal.as_ref());
            while let (Some(target), Some(bytes)) = (target, source.recv().await) {
                if target.write(&bytes).await.is_err() {
                    break;
                }
            }
            if is_attached {
                let action = Action::CloseStdin {
                    container: session.container.clone(),
                };
                let _ = session.link.ask(action, &[]).await;
            }
        }
        drop(stdin);
        std::future::pending::<()>().await;
    };
    let resizes = async {
        if let (Some(mut sizes), Some(terminal)) = (channels.resize, &terminal) {
            while let Some(text) = sizes.recv().await {
                resize(terminal, &text);
            }
        }
        std::future::pending::<()>().await;
    };
    let output = async {
        // The terminal's output of an attached container comes over a pipe, as everybody's.
        let source = stdout
            .as_ref()
            .or(if is_attached { None } else { terminal.as_ref() });
        tokio::join!(
            copy(source, channels.stdout.as_ref()),
            copy(stderr.as_ref(), channels.stderr.as_ref())
        );
    };
    let work = async {
        let mut output = Box::pin(output);
        let Some(mut ended) = ended else {
            output.await;
            return Ok(0);
        };
        let found = tokio::select! {
            found = &mut ended => {
                tokio::select! {
                    () = &mut output => {}
                    () = runtime.clock.sleep(DRAIN) => {}
                }
                found
            }
            () = &mut output => ended.await,
        };
        Ok(found.context("the pod has ended")?.code)
    };
    tokio::select! {
        code = work => code,
        () = input => Ok(0),
        () = resizes => Ok(0),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Size {
    width: u16,
    height: u16,
}

fn resize(terminal: &Descriptor, text: &[u8]) {
    let sizes = serde_json::Deserializer::from_slice(text).into_iter::<Size>();
    for size in sizes.map_while(Result::ok) {
        if let Err(error) = styr_oci::launch::resize(terminal.0.get_ref(), size.width, size.height)
        {
            tracing::debug!(%error, "the terminal keeps its size");
        }
    }
}

async fn copy(source: Option<&Descriptor>, sink: Option<&Sink>) {
    let Some(source) = source else { return };
    let mut buffer = vec![0; BUFFER];
    loop {
        match source.read(&mut buffer).await {
            Ok(0) => break,
            // What nobody wants is read all the same, so that the process goes on.
            Ok(length) => {
                if let Some(sink) = sink
                    && sink.write(&buffer[..length]).await.is_err()
                {
                    break;
                }
            }
            // A terminal answers an error when its last user has gone.
            Err(_) => break,
        }
    }
    if let Some(sink) = sink {
        sink.finish().await;
    }
}

/// A pipe or terminal, read and written without blocking.
struct Descriptor(AsyncFd<OwnedFd>);

impl Descriptor {
    #[expect(
        deprecated,
        reason = "its successor is unsafe; an owned descriptor is not"
    )]
    fn new(fd: OwnedFd) -> anyhow::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(Self(AsyncFd::new(fd)?))
    }

    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut guard = self.0.ready(Interest::READABLE).await?;
            let step = guard.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut *buffer)?));
            if let Ok(result) = step {
                return result;
            }
        }
    }

    async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let mut guard = self.0.ready(Interest::WRITABLE).await?;
            if let Ok(result) = guard.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), bytes)?)) {
                bytes = &bytes[result?..];
            }
        }
        Ok(())
    }
}
