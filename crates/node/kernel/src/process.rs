//! Processes: cloning, replacing, waiting for them, and what they may do.
//!
//! [`clone`] is for single-threaded programs only: the child runs on with the memory of the parent,
//! and a lock that another thread held would stay held for ever.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use rustix::process::{Pid, Signal};
use rustix::thread::UnshareFlags;

pub mod capabilities;
pub mod signals;

/// Which namespaces a new process gets for itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NewNamespaces(u64);

impl NewNamespaces {
    pub const NONE: Self = Self(0);
    pub const MOUNT: Self = Self(libc::CLONE_NEWNS as u64);
    pub const PID: Self = Self(libc::CLONE_NEWPID as u64);
    pub const NETWORK: Self = Self(libc::CLONE_NEWNET as u64);
    pub const IPC: Self = Self(libc::CLONE_NEWIPC as u64);
    pub const UTS: Self = Self(libc::CLONE_NEWUTS as u64);
    pub const CGROUP: Self = Self(libc::CLONE_NEWCGROUP as u64);
    pub const USER: Self = Self(libc::CLONE_NEWUSER as u64);

    /// Both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are among them.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Which side of a [`clone`] one is on.
#[derive(Debug)]
pub enum Cloned {
    /// The new process.
    Child,
    /// The old one.
    Parent { pid: Pid, pidfd: OwnedFd },
}

/// Makes a copy of this process. `as_sibling`: the copy is a child of this process's parent.
///
/// Fails if the process has more than one thread.
#[expect(unsafe_code, reason = "clone3 has no safe wrapper")]
pub fn clone(namespaces: NewNamespaces, as_sibling: bool) -> io::Result<Cloned> {
    if thread_count()? != 1 {
        return Err(io::Error::other(
            "a process with several threads must not be cloned",
        ));
    }
    let mut pidfd: libc::c_int = -1;
    // SAFETY: all zeroes is a valid value of this plain structure.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = namespaces.0 | libc::CLONE_PIDFD as u64;
    if as_sibling {
        arguments.flags |= libc::CLONE_PARENT as u64;
    } else {
        arguments.exit_signal = libc::SIGCHLD as u64;
    }
    arguments.pidfd = (&raw mut pidfd) as u64;
    // SAFETY: there is one thread only, so no lock is held by a thread that the child lacks; the
    // child goes on with its own copy of this stack (no CLONE_VM).
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw mut arguments,
            size_of::<libc::clone_args>(),
        )
    };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Cloned::Child),
        pid => Ok(Cloned::Parent {
            pid: i32::try_from(pid)
                .ok()
                .and_then(Pid::from_raw)
                .ok_or_else(|| io::Error::other("clone3 answered no process id"))?,
            // SAFETY: the kernel has just opened this descriptor for us.
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        }),
    }
}

fn thread_count() -> io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}

/// Replaces the program of this process; comes back only if that failed.
#[expect(unsafe_code, reason = "rustix's execve is unsafe as well")]
pub fn execute(program: &CStr, arguments: &[CString], environment: &[CString]) -> io::Error {
    let pointers = |strings: &[CString]| {
        let mut list: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
        list.push(std::ptr::null());
        list
    };
    let (argv, envp) = (pointers(arguments), pointers(environment));
    // SAFETY: both lists end with a null pointer and point to strings that outlive the call.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    io::Error::last_os_error()
}

/// Ends this process at once: what is buffered or registered to run at exit belongs to the parent.
#[expect(unsafe_code, reason = "no safe wrapper")]
pub fn end(code: u8) -> ! {
    // SAFETY: ends the process without touching memory.
    unsafe { libc::_exit(i32::from(code)) }
}

/// Frees what the allocator keeps, so that a process that sleeps for long is small.
#[expect(unsafe_code, reason = "no safe wrapper")]
pub fn trim_memory() {
    // SAFETY: only returns free memory to the kernel.
    unsafe { libc::malloc_trim(0) };
}

/// Takes over a descriptor that was handed to this process by number.
#[expect(unsafe_code, reason = "a number carries no ownership")]
pub fn adopt_descriptor(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: only asks the kernel whether the number is open.
    if number < 0 || unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: it is open, and whoever started this process left it to us by contract.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Marks all descriptors from `first` on to be closed by the next [`execute`].
#[expect(unsafe_code, reason = "no safe wrapper")]
pub fn close_on_execute_from(first: u32) -> io::Result<()> {
    // SAFETY: changes a flag of descriptors only.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// When a process began, in clock ticks since boot: with its id a name that is never used twice.
pub fn start_time(pid: i32) -> io::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold spaces and parentheses; the last one ends it.
    let after = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    after
        .split_whitespace()
        .nth(19)
        .and_then(|field| field.parse().ok())
        .ok_or_else(|| io::Error::other(format!("could not find the start time of process {pid}")))
}

/// Whether a process lives and is the one that began then.
pub fn is_alive(pid: i32, started: u64) -> bool {
    start_time(pid).is_ok_and(|found| found == started) && !is_zombie(pid)
}

fn is_zombie(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|text| {
        let state = text
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.trim_start().chars().next());
        matches!(state, Some('Z' | 'X'))
    })
}

/// Sets the OOM score. Lowering it needs CAP_SYS_RESOURCE, which a nested machine may lack: then
/// it stays as it is, and the answer is `false`.
pub fn set_oom_score(score: i32) -> io::Result<bool> {
    match std::fs::write("/proc/self/oom_score_adj", score.to_string()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
        Err(error) => Err(error),
    }
}

/// Sends a signal given by number, real-time ones included.
#[expect(unsafe_code, reason = "rustix knows no real-time signals by number")]
pub fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: sends a signal only.
    if unsafe { libc::kill(pid, signal) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Ends with the parent. To be called by the child, which checks that the parent is still there.
pub fn end_with_parent(parent: Pid) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() == Some(parent) {
        Ok(())
    } else {
        Err(io::Error::other("the parent ended first"))
    }
}

/// Sets a limit of this process by its OCI name (`RLIMIT_NOFILE`). `u64::MAX` is no limit.
#[expect(unsafe_code, reason = "rustix has no resource by name")]
pub fn set_limit(name: &str, soft: u64, hard: u64) -> io::Result<()> {
    let resource = match name {
        "RLIMIT_AS" => libc::RLIMIT_AS,
        "RLIMIT_CORE" => libc::RLIMIT_CORE,
        "RLIMIT_CPU" => libc::RLIMIT_CPU,
        "RLIMIT_DATA" => libc::RLIMIT_DATA,
        "RLIMIT_FSIZE" => libc::RLIMIT_FSIZE,
        "RLIMIT_LOCKS" => libc::RLIMIT_LOCKS,
        "RLIMIT_MEMLOCK" => libc::RLIMIT_MEMLOCK,
        "RLIMIT_MSGQUEUE" => libc::RLIMIT_MSGQUEUE,
        "RLIMIT_NICE" => libc::RLIMIT_NICE,
        "RLIMIT_NOFILE" => libc::RLIMIT_NOFILE,
        "RLIMIT_NPROC" => libc::RLIMIT_NPROC,
        "RLIMIT_RSS" => libc::RLIMIT_RSS,
        "RLIMIT_RTPRIO" => libc::RLIMIT_RTPRIO,
        "RLIMIT_RTTIME" => libc::RLIMIT_RTTIME,
        "RLIMIT_SIGPENDING" => libc::RLIMIT_SIGPENDING,
        "RLIMIT_STACK" => libc::RLIMIT_STACK,
        _ => return Err(io::Error::other(format!("unknown limit {name}"))),
    };
    let limit = libc::rlimit {
        rlim_cur: soft,
        rlim_max: hard,
    };
    // SAFETY: the structure outlives the call.
    if unsafe { libc::setrlimit(resource, &raw const limit) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Moves this process into new namespaces. Not for descriptors, which threads share.
#[expect(
    unsafe_code,
    reason = "rustix marks unshare as unsafe for its file table flag"
)]
pub fn unshare(namespaces: UnshareFlags) -> io::Result<()> {
    let namespaces = namespaces & !UnshareFlags::FILES;
    // SAFETY: the table of descriptors is not unshared.
    Ok(unsafe { rustix::thread::unshare_unsafe(namespaces) }?)
}

/// The null device.
pub fn open_null() -> io::Result<File> {
    File::options().read(true).write(true).open("/dev/null")
}

#[cfg(test)]
mod tests;
