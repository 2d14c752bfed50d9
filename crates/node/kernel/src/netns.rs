//! Network namespaces, pinned by a bind mount so that they live without a process.
//!
//! Entering one is per thread and cannot be undone safely on a worker of an async runtime, so work
//! inside is done on a plain thread that ends with it. Nothing here forks.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::mount::UnmountFlags;
use rustix::thread::{LinkNameSpaceType, UnshareFlags};

const OF_THIS_THREAD: &str = "/proc/thread-self/ns/net";

/// Why a namespace could not be made, opened or entered.
#[derive(Debug, thiserror::Error)]
#[error("could not {attempted} network namespace {}", .path.display())]
pub struct NetNsError {
    attempted: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl NetNsError {
    /// There is nothing at the path.
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// A network namespace that is held open.
#[derive(Debug)]
pub struct NetNs {
    fd: OwnedFd,
    path: PathBuf,
}

impl NetNs {
    /// Makes a new namespace and pins it at `path`, which must not exist.
    pub fn create_pinned(path: &Path) -> Result<Self, NetNsError> {
        let failed = |attempted| {
            let path = path.to_owned();
            move |source: io::Error| NetNsError {
                attempted,
                path,
                source,
            }
        };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(failed("make the folder of"))?;
        }
        File::create_new(path).map_err(failed("make the mount point of"))?;
        let made = on_thread(|| {
            unshare_network()?;
            rustix::mount::mount_bind(OF_THIS_THREAD, path)?;
            Ok(())
        });
        if let Err(source) = made {
            // The mount point must not be taken for a namespace.
            let _ = std::fs::remove_file(path);
            return Err(failed("create and pin")(source));
        }
        Self::open(path)
    }

    /// Makes a new namespace that lives only as long as handles and sockets in it do.
    pub fn create() -> Result<Self, NetNsError> {
        let path = Path::new(OF_THIS_THREAD);
        let made = on_thread(|| {
            unshare_network()?;
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            Ok(rustix::fs::open(path, flags, Mode::empty())?)
        });
        made.map(|fd| Self {
            fd,
            path: path.to_owned(),
        })
        .map_err(|source| NetNsError {
            attempted: "create",
            path: path.to_owned(),
            source,
        })
    }

    /// Opens the namespace pinned at `path`, or of a process by `/proc/PID/ns/net`.
    pub fn open(path: &Path) -> Result<Self, NetNsError> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| NetNsError {
            attempted: "open",
            path: path.to_owned(),
            source: error.into(),
        })?;
        Ok(Self {
            fd,
            path: path.to_owned(),
        })
    }

    /// The namespace of the calling thread.
    pub fn current() -> Result<Self, NetNsError> {
        Self::open(Path::new(OF_THIS_THREAD))
    }

    /// Runs `work` inside, on a thread of its own, and waits for it. A socket that it opens stays
    /// in the namespace and can be used from anywhere afterwards.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NetNsError> {
        let network = Some(LinkNameSpaceType::Network);
        on_thread(|| {
            rustix::thread::move_into_link_name_space(self.fd.as_fd(), network)?;
            Ok(work())
        })
        .map_err(|source| NetNsError {
            attempted: "enter",
            path: self.path.clone(),
            source,
        })
    }

    /// Takes the pin at `path` away. The namespace, with all links in it, goes with its last user.
    pub fn unpin(path: &Path) -> Result<(), NetNsError> {
        let failed = |source| NetNsError {
            attempted: "unpin",
            path: path.to_owned(),
            source,
        };
        match rustix::mount::unmount(path, UnmountFlags::DETACH) {
            // Not a mount any more, or never one; the file goes all the same.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            Err(error) => return Err(failed(error.into())),
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for NetNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Sets a value below `/proc/sys` of the calling thread's network namespace, by its path there.
pub fn set_sysctl(path: &str, value: &str) -> io::Result<()> {
    let file = Path::new("/proc/sys").join(path);
    std::fs::write(&file, value).map_err(|error| {
        let text = format!("could not set {} to {value}: {error}", file.display());
        io::Error::new(error.kind(), text)
    })
}

/// A value below `/proc/sys` of the calling thread's network namespace.
pub fn sysctl(path: &str) -> io::Result<String> {
    let file = Path::new("/proc/sys").join(path);
    let text = std::fs::read_to_string(&file).map_err(|error| {
        let text = format!("could not read {}: {error}", file.display());
        io::Error::new(error.kind(), text)
    })?;
    Ok(text.trim().to_owned())
}

#[expect(
    unsafe_code,
    reason = "rustix marks unshare as unsafe for its file table flag"
)]
fn unshare_network() -> io::Result<()> {
    // SAFETY: only the network namespace is unshared; no file descriptor table is touched.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }?;
    Ok(())
}

/// Runs `work` on a thread that nobody else will ever run on.
fn on_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("netns".to_owned())
            .spawn_scoped(scope, work)?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests;
