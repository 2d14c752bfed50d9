//! Follows a growing log file by inotify: through rotation, until its container has ended.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use super::{Options, select, tail_offset};

/// How much is read at once.
const CHUNK_BYTES: usize = 128 << 10;

/// Sends what is wanted of a log to `sender`. With `follow`, goes on until `ended` is finished and
/// all is read, or nobody listens.
pub(crate) async fn stream(
    path: PathBuf,
    options: Options,
    ended: impl Future<Output = ()>,
    sender: mpsc::Sender<Bytes>,
) -> io::Result<()> {
    let mut file = File::open(&path)?;
    let offset = match options.tail {
        Some(lines) => tail_offset(&mut file, lines)?,
        None => 0,
    };
    file.seek(SeekFrom::Start(offset))?;
    let mut reader = Reader {
        file,
        rest: Vec::new(),
        written: 0,
        options,
    };
    let watch = if reader.options.follow {
        Some(watch(&path)?)
    } else {
        None
    };
    let mut ended = std::pin::pin!(ended);
    let mut has_ended = false;
    loop {
        let (chunk, done) = reader.next()?;
        let is_empty = chunk.is_empty();
        if !is_empty && sender.send(Bytes::from(chunk)).await.is_err() {
            return Ok(());
        }
        if done {
            return Ok(());
        }
        if !is_empty {
            continue;
        }
        let Some(watch) = &watch else {
            return Ok(());
        };
        if reader.is_rotated(&path) {
            reader.file = File::open(&path)?;
            continue;
        }
        if has_ended {
            return Ok(());
        }
        tokio::select! {
            changed = changed(watch) => changed?,
            () = ended.as_mut() => has_ended = true,
            () = sender.closed() => return Ok(()),
        }
    }
}

struct Reader {
    file: File,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
    written: u64,
    options: Options,
}

impl Reader {
    /// The next piece, and whether it is the last. Empty if there is no more for now.
    fn next(&mut self) -> io::Result<(Vec<u8>, bool)> {
        let mut out = Vec::new();
        let mut block = vec![0; CHUNK_BYTES];
        loop {
            let read = self.file.read(&mut block)?;
            if read == 0 {
                return Ok((out, false));
            }
            self.rest.extend_from_slice(&block[..read]);
            let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
                continue;
            };
            let later = self.rest.split_off(end + 1);
            let lines = std::mem::replace(&mut self.rest, later);
            let done = select(&lines, &self.options, &mut self.written, &mut out);
            if done || !out.is_empty() {
                return Ok((out, done));
            }
        }
    }

    fn is_rotated(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        match (std::fs::metadata(path), self.file.metadata()) {
            (Ok(named), Ok(open)) => named.ino() != open.ino(),
            _ => false,
        }
    }
}

/// Watches the directory as well, since rotation makes a new file of the name.
fn watch(path: &Path) -> io::Result<AsyncFd<OwnedFd>> {
    let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    inotify::add_watch(&fd, path, WatchFlags::MODIFY)?;
    if let Some(directory) = path.parent() {
        let flags = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::MODIFY;
        inotify::add_watch(&fd, directory, flags)?;
    }
    register(fd)
}

#[expect(
    deprecated,
    reason = "the descriptor is owned and stays open as long as it is registered"
)]
pub(crate) fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(fd)
}

pub(crate) async fn changed(watch: &AsyncFd<OwnedFd>) -> io::Result<()> {
    let mut ready = watch.readable().await?;
    let mut buffer = [0; 4096];
    // What exactly happened does not matter: the file is looked at again.
    while let Ok(Ok(1..)) = ready.try_io(|fd| Ok(rustix::io::read(fd, &mut buffer)?)) {}
    ready.clear_ready();
    Ok(())
}
