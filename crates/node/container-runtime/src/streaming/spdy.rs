//! SPDY/3.1, as far as Kubernetes uses it: streams with headers, data, half-closing.
//!
//! Written for both sides of a connection. There is no flow control beyond the window that is
//! granted generously: what Kubernetes' own library does as well.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anyhow::{Context, bail};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

mod frame;
mod headers;

pub use frame::{Frame, Kind};

/// Streams of one connection at a time.
const MOST_STREAMS: usize = 1024;
/// Frames of one stream that its reader may be behind.
const MOST_FRAMES: usize = 64;
/// Data in one frame.
const LONGEST_DATA: usize = 32 * 1024;

/// Names and values; names in lower case.
pub type Headers = Vec<(String, String)>;

/// One stream: what comes arrives in `data`; a closed channel is the peer's end.
#[derive(Debug)]
pub struct Stream {
    pub id: u32,
    pub headers: Headers,
    pub data: mpsc::Receiver<Bytes>,
    writer: Writer,
}

/// Writes frames, from any task.
#[derive(Debug, Clone)]
pub struct Writer {
    frames: mpsc::Sender<Frame>,
}

/// The side of a connection on which one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    /// Streams that the peer opens.
    pub incoming: mpsc::Receiver<Stream>,
    writer: Writer,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    streams: Mutex<HashMap<u32, mpsc::Sender<Bytes>>>,
    next: Mutex<u32>,
}

impl Connection {
    /// Speaks over an upgraded connection. The future must be driven until it ends.
    pub fn new<T>(
        io: T,
        side: Side,
    ) -> (
        Self,
        impl Future<Output = anyhow::Result<()>> + Send + 'static,
    )
    where
        T: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (reader, mut sink) = tokio::io::split(io);
        let (frames, mut outgoing) = mpsc::channel::<Frame>(MOST_FRAMES);
        let (opened, incoming) = mpsc::channel(MOST_FRAMES);
        let first = if side == Side::Client { 1 } else { 2 };
        let shared = Arc::new(Shared {
            streams: Mutex::default(),
            next: Mutex::new(first),
        });
        let writer = Writer { frames };
        let connection = Self {
            incoming,
            writer: writer.clone(),
            shared: Arc::clone(&shared),
        };
        // The writer's end is held weakly here: when all users have gone, writing ends.
        let weak = writer.frames.downgrade();
        drop(writer);
        let drive = async move {
            let read = read_loop(reader, shared, weak, opened);
            let write = async {
                let mut packer = headers::Packer::new();
                while let Some(frame) = outgoing.recv().await {
                    sink.write_all(&frame.encode(&mut packer)?).await?;
                }
                sink.shutdown().await?;
                Ok(())
            };
            tokio::select! {
                ended = read => ended,
                ended = write => ended,
            }
        };
        (connection, drive)
    }

    /// Opens a stream.
    pub async fn open(&self, headers: Headers) -> anyhow::Result<Stream> {
        let id = {
            let mut next = self
                .shared
                .next
                .lock()
                .expect("no holder of this lock panics");
            let id = *next;
            *next += 2;
            id
        };
        let stream = self.shared.add(id, headers.clone(), self.writer.clone())?;
        let open = Frame {
            stream: id,
            last: false,
            kind: Kind::Open(headers),
        };
        self.writer.send(open).await?;
        Ok(stream)
    }

    /// Says that no more streams are taken.
    pub async fn close(&self) -> anyhow::Result<()> {
        self.writer
            .send(Frame {
                stream: 0,
                last: false,
                kind: Kind::GoAway,
            })
            .await
    }
}

impl Shared {
    fn add(&self, id: u32, headers: Headers, writer: Writer) -> anyhow::Result<Stream> {
        let mut streams = self.streams.lock().expect("no holder of this lock panics");
        if streams.len() >= MOST_STREAMS {
            bail!("more than {MOST_STREAMS} streams in one connection");
        }
        let (sender, data) = mpsc::channel(MOST_FRAMES);
        streams.insert(id, sender);
        Ok(Stream {
            id,
            headers,
            data,
            writer,
        })
    }

    fn sender(&self, id: u32) -> Option<mpsc::Sender<Bytes>> {
        self.streams
            .lock()
            .expect("no holder of this lock panics")
            .get(&id)
            .cloned()
    }

    fn end(&self, id: u32) {
        self.streams
            .lock()
            .expect("no holder of this lock panics")
            .remove(&id);
    }
}

impl Writer {
    async fn send(&self, frame: Frame) -> anyhow::Result<()> {
        self.frames
            .send(frame)
            .await
            .ok()
            .context("the connection has ended")
    }
}

impl Stream {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Accepts a stream that the peer opened.
    pub async fn accept(&self) -> anyhow::Result<()> {
        self.writer
            .send(Frame {
                stream: self.id,
                last: false,
                kind: Kind::Reply,
            })
            .await
    }

    /// Something that writes to it, also after this has been taken apart.
    pub fn sink(&self) -> StreamSink {
        StreamSink {
            id: self.id,
            writer: self.writer.clone(),
        }
    }
}

/// The writing half of a stream.
#[derive(Debug, Clone)]
pub struct StreamSink {
    id: u32,
    writer: Writer,
}

impl StreamSink {
    /// Writes data.
    pub async fn write(&self, bytes: &[u8]) -> anyhow::Result<()> {
        for part in bytes.chunks(LONGEST_DATA) {
            let kind = Kind::Data(Bytes::copy_from_slice(part));
            self.writer
                .send(Frame {
                    stream: self.id,
                    last: false,
                    kind,
                })
                .await?;
        }
        Ok(())
    }

    /// Nothing more comes from this side.
    pub async fn finish(&self) -> anyhow::Result<()> {
        let kind = Kind::Data(Bytes::new());
        self.writer
            .send(Frame {
                stream: self.id,
                last: true,
                kind,
            })
            .await
    }

    /// Ends the stream for both.
    pub async fn reset(&self) -> anyhow::Result<()> {
        self.writer
            .send(Frame {
                stream: self.id,
                last: true,
                kind: Kind::Reset,
            })
            .await
    }
}

async fn read_loop(
    mut reader: impl AsyncRead + Unpin,
    shared: Arc<Shared>,
    writer: mpsc::WeakSender<Frame>,
    opened: mpsc::Sender<Stream>,
) -> anyhow::Result<()> {
    let mut unpacker = headers::Unpacker::new();
    loop {
        let mut head = [0; frame::HEAD];
        match reader.read_exact(&mut head).await {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let length = frame::length(&head)?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body).await?;
        let Some(found) = Frame::decode(&head, body, &mut unpacker)? else {
            continue;
        };
        let id = found.stream;
        match found.kind {
            Kind::Open(headers) => {
                let Some(frames) = writer.upgrade() else {
                    return Ok(());
                };
                let stream = shared.add(id, headers, Writer { frames })?;
                if opened.send(stream).await.is_err() {
                    return Ok(());
                }
            }
            Kind::Data(bytes) => {
                if let Some(sender) = shared.sender(id)
                    && !bytes.is_empty()
                {
                    // Whoever read it may have stopped.
                    let length = bytes.len();
                    let _ = sender.send(bytes).await;
                    grant(&writer, id, length).await;
                }
            }
            Kind::Reset => shared.end(id),
            Kind::Ping(number) => {
                if let Some(frames) = writer.upgrade() {
                    let kind = Kind::Ping(number);
                    let _ = frames
                        .send(Frame {
                            stream: 0,
                            last: false,
                            kind,
                        })
                        .await;
                }
            }
            Kind::GoAway => {}
            Kind::Reply | Kind::Window(_) => {}
        }
        if found.last {
            shared.end(id);
        }
    }
}

/// Lets the peer send as much again.
async fn grant(writer: &mpsc::WeakSender<Frame>, stream: u32, length: usize) {
    let length = u32::try_from(length).unwrap_or(u32::MAX >> 1);
    if let Some(frames) = writer.upgrade() {
        for stream in [stream, 0] {
            let kind = Kind::Window(length);
            let _ = frames
                .send(Frame {
                    stream,
                    last: false,
                    kind,
                })
                .await;
        }
    }
}

#[cfg(test)]
mod tests;
