//! Signals: their names and numbers, and a descriptor that reports them.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

static NAMES: &[(&str, i32)] = &[
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
];
const FIRST_REAL_TIME: i32 = 34;
const LAST_REAL_TIME: i32 = 64;

/// The number of a signal: `15`, `TERM`, `SIGTERM`, `RTMIN+3`, `SIGRTMAX-2`.
pub fn number(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse() {
        return (1..=LAST_REAL_TIME).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some((_, number)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(*number);
    }
    let (from, offset) = if let Some(rest) = name.strip_prefix("RTMIN") {
        (FIRST_REAL_TIME, rest)
    } else {
        (LAST_REAL_TIME, name.strip_prefix("RTMAX")?)
    };
    let offset: i32 = if offset.is_empty() {
        0
    } else {
        offset.parse().ok()?
    };
    let number = from + offset;
    (FIRST_REAL_TIME..=LAST_REAL_TIME)
        .contains(&number)
        .then_some(number)
}

/// A descriptor that becomes readable when one of its signals arrives.
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// Blocks the signals for this thread and makes them readable.
    #[expect(unsafe_code, reason = "no safe wrapper")]
    pub fn block(signals: &[i32]) -> io::Result<Self> {
        let set = set_of(signals);
        // SAFETY: the set is initialised and outlives the call.
        if unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) } != 0
        {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: as above.
        let fd =
            unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just opened it for us.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Takes the next signal off, if there is one.
    pub fn take(&self) -> Option<i32> {
        let mut record = [0_u8; size_of::<libc::signalfd_siginfo>()];
        let length = rustix::io::read(&self.0, &mut record).ok()?;
        let number = record.get(..4)?.try_into().ok()?;
        (length == record.len()).then(|| i32::from_ne_bytes(number))
    }

    /// Its number, for logs.
    pub fn number(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Unblocks all signals and gives them their default effect, as a new program expects.
#[expect(unsafe_code, reason = "no safe wrapper")]
pub fn reset() {
    for signal in 1..=LAST_REAL_TIME {
        // SAFETY: sets the default disposition; numbers that cannot be changed are refused.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let set = set_of(&[]);
    // SAFETY: the set is initialised and outlives the call.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) };
}

#[expect(unsafe_code, reason = "no safe wrapper")]
fn set_of(signals: &[i32]) -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: initialises the set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: initialised by the call above.
    let mut set = unsafe { set.assume_init() };
    for &signal in signals {
        // SAFETY: the set is initialised; an unknown number is refused.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    set
}
