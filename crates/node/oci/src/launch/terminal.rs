//! Terminals, made in the container's own devpts.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::Context;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;
use styr_kernel::mounts;

use crate::spec::Process;

/// A new terminal of the container that this process is in: its two ends.
pub(super) fn open(process: &Process) -> anyhow::Result<(OwnedFd, OwnedFd)> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let master = rustix::fs::open("/dev/pts/ptmx", flags, Mode::empty())
        .context("could not open /dev/pts/ptmx of the container")?;
    rustix::pty::unlockpt(&master).context("could not unlock the terminal")?;
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY)
        .context("could not open the terminal")?;
    if let Some(size) = process.console_size {
        resize(&master, size.width, size.height)?;
    }
    let owner = rustix::process::Uid::from_raw(process.user.uid);
    rustix::fs::fchown(&slave, Some(owner), None).context("could not give the terminal away")?;
    Ok((master, slave))
}

/// Mounts the terminal at `/dev/console`.
pub(super) fn mount_console(slave: &OwnedFd) -> anyhow::Result<()> {
    let point = Path::new("/dev/console");
    if !point.exists() {
        rustix::fs::mknodat(
            rustix::fs::CWD,
            point,
            FileType::RegularFile,
            Mode::from_raw_mode(0o600),
            0,
        )
        .context("could not make /dev/console")?;
    }
    let tree = mounts::copy_of(slave.as_fd(), false).context("could not copy the terminal")?;
    let target = mounts::open_point(point)?;
    mounts::attach(tree.as_fd(), target.as_fd()).context("could not mount /dev/console")
}

/// Sets the size of a terminal.
pub fn resize(terminal: impl AsFd, width: u16, height: u16) -> io::Result<()> {
    let size = Winsize {
        ws_row: height,
        ws_col: width,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(rustix::termios::tcsetwinsize(terminal, size)?)
}
