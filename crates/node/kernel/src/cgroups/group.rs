//! One group.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::{Limits, Stats, Version, files, v1, v2};

/// The group in one hierarchy.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) controllers: Vec<String>,
    /// How many levels it lies below the mount point.
    pub(super) depth: usize,
}

/// A group, in all hierarchies.
#[derive(Debug, Clone)]
pub struct Cgroup {
    version: Version,
    folders: Vec<Folder>,
}

/// How often processes that appear while others are killed are looked for again.
const KILL_ROUNDS: usize = 32;
/// How long killed processes may take to go.
const KILL_PATIENCE: Duration = Duration::from_secs(5);

impl Cgroup {
    pub(super) fn new(version: Version, folders: Vec<Folder>) -> Self {
        Self { version, folders }
    }

    pub(super) fn make(&self) -> io::Result<()> {
        for folder in &self.folders {
            match self.version {
                Version::V1 => v1::make(folder)?,
                Version::V2 => v2::make(folder)?,
            }
        }
        Ok(())
    }

    /// Whether it exists everywhere.
    pub fn exists(&self) -> bool {
        self.folders.iter().all(|folder| folder.path.is_dir())
    }

    /// Sets what is given.
    pub fn set_limits(&self, limits: &Limits) -> io::Result<()> {
        match self.version {
            Version::V1 => v1::set_limits(self, limits),
            Version::V2 => v2::set_limits(&self.folders[0].path, limits),
        }
    }

    /// Puts a process into it; 0 is the calling one.
    pub fn add(&self, pid: u32) -> io::Result<()> {
        let add = |folder: &Folder| files::write(&folder.path, "cgroup.procs", &pid.to_string());
        self.folders.iter().try_for_each(add)
    }

    /// Puts the calling process into it, which must have a single thread.
    ///
    /// With version 1 that is the kernel's short way: moving a whole process waits until all
    /// processors have passed a quiet state, some 8 ms, and moving the calling thread does not.
    pub fn enter(&self) -> io::Result<()> {
        let file = match self.version {
            Version::V1 => "tasks",
            Version::V2 => "cgroup.procs",
        };
        self.folders
            .iter()
            .try_for_each(|folder| files::write(&folder.path, file, "0"))
    }

    /// What it uses.
    pub fn stats(&self) -> io::Result<Stats> {
        match self.version {
            Version::V1 => v1::stats(self),
            Version::V2 => v2::stats(&self.folders[0].path),
        }
    }

    /// How often the kernel killed a process of it for lack of memory.
    pub fn oom_kills(&self) -> u64 {
        let (controller, file) = match self.version {
            Version::V1 => ("memory", "memory.oom_control"),
            Version::V2 => ("", "memory.events"),
        };
        let text = self
            .folder(controller)
            .and_then(|folder| files::read(folder, file).ok());
        text.and_then(|text| files::keyed(&text, "oom_kill"))
            .unwrap_or(0)
    }

    /// Stops all processes of it, or lets them go on.
    pub fn freeze(&self, frozen: bool) -> io::Result<()> {
        match self.version {
            Version::V1 => {
                let folder = self.folder("freezer").ok_or_else(|| missing("freezer"))?;
                files::write(
                    folder,
                    "freezer.state",
                    if frozen { "FROZEN" } else { "THAWED" },
                )
            }
            Version::V2 => files::write(
                &self.folders[0].path,
                "cgroup.freeze",
                if frozen { "1" } else { "0" },
            ),
        }
    }

    /// Its processes and those of all groups below.
    pub fn processes(&self) -> io::Result<BTreeSet<i32>> {
        let mut found = BTreeSet::new();
        // Each hierarchy is asked: a process may have been put into some of them only so far.
        for folder in &self.folders {
            collect(&folder.path, &mut found)?;
        }
        Ok(found)
    }

    /// Ends all its processes and waits until they have ended. Zombies may be left to their parents.
    pub fn kill(&self) -> io::Result<()> {
        for _ in 0..KILL_ROUNDS {
            let processes = self.processes()?;
            if processes.is_empty() {
                return Ok(());
            }
            let pids = processes.iter().filter_map(|&pid| Pid::from_raw(pid));
            let open = |pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok();
            let doomed: Vec<OwnedFd> = pids.filter_map(open).collect();
            for pidfd in &doomed {
                // It may have ended by itself.
                let _ = rustix::process::pidfd_send_signal(pidfd, Signal::KILL);
            }
            // A frozen process dies only when it runs again.
            let _ = self.freeze(false);
            for pidfd in &doomed {
                wait(pidfd)?;
            }
        }
        Err(io::Error::other(
            "processes of the group appear faster than they can be ended",
        ))
    }

    /// Takes it away, with all groups below. It must hold no process; not being there is fine.
    pub fn remove(&self) -> io::Result<()> {
        self.folders
            .iter()
            .try_for_each(|folder| remove_tree(&folder.path))
    }

    /// The folder of a controller (`""` with version 2).
    pub fn folder(&self, controller: &str) -> Option<&Path> {
        let holds = |folder: &&Folder| {
            self.version == Version::V2 || folder.controllers.iter().any(|name| name == controller)
        };
        self.folders
            .iter()
            .find(holds)
            .map(|folder| folder.path.as_path())
    }

    /// Its folders, one for each hierarchy, with the controllers there.
    pub fn paths(&self) -> impl Iterator<Item = (&Path, &[String])> {
        self.folders
            .iter()
            .map(|folder| (folder.path.as_path(), folder.controllers.as_slice()))
    }
}

pub(super) fn missing(controller: &str) -> io::Error {
    let text = format!("the cgroup controller {controller} is not mounted on this machine");
    io::Error::new(io::ErrorKind::Unsupported, text)
}

fn collect(folder: &Path, found: &mut BTreeSet<i32>) -> io::Result<()> {
    let text = match std::fs::read_to_string(folder.join("cgroup.procs")) {
        Ok(text) => text,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    // 0 is a process that this process's namespace does not see.
    found.extend(
        text.lines()
            .filter_map(|line| line.parse::<i32>().ok())
            .filter(|&pid| pid > 0),
    );
    if !has_subfolders(folder) {
        return Ok(());
    }
    for below in subfolders(folder)? {
        collect(&below, found)?;
    }
    Ok(())
}

/// The kernel counts folders as links of the one above, which is quicker to read than the list;
/// file systems that do not count say 1.
fn has_subfolders(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(folder).is_ok_and(|found| found.nlink() != 2)
}

fn subfolders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_gone(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn remove_tree(folder: &Path) -> io::Result<()> {
    // Nearly always nothing is below, and listing a group is as dear as all the rest.
    match std::fs::remove_dir(folder) {
        Ok(()) => return Ok(()),
        Err(error) if is_gone(&error) => return Ok(()),
        Err(_) => {}
    }
    for below in subfolders(folder)? {
        remove_tree(&below)?;
    }
    match std::fs::remove_dir(folder) {
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => {
            let text = format!("could not remove the cgroup {}: {error}", folder.display());
            Err(io::Error::new(error.kind(), text))
        }
        Ok(()) => Ok(()),
    }
}

/// A group that went away while it was read answers either.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}

fn wait(pidfd: &OwnedFd) -> io::Result<()> {
    let timeout = Timespec::try_from(KILL_PATIENCE).map_err(io::Error::other)?;
    let ended = rustix::event::poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&timeout))?;
    if ended == 0 {
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "a killed process of the group does not end",
        ));
    }
    Ok(())
}
