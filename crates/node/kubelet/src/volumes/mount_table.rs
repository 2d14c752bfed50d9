//! What is mounted where, as the kernel tells it; and mounting memory.

use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags};
use styr_kernel::mounts;

/// Mount points at or below `root`, deepest last.
pub(crate) fn below(root: &Path) -> io::Result<Vec<PathBuf>> {
    let table = std::fs::read_to_string("/proc/self/mountinfo")?;
    let points = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(unescaped);
    let mut points: Vec<PathBuf> = points.filter(|point| point.starts_with(root)).collect();
    points.sort();
    Ok(points)
}

/// The kernel writes blanks and the like as `\040`.
fn unescaped(text: &str) -> PathBuf {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().map_or(0, |byte| byte.wrapping_sub(b'0') & 7);
        let (a, b, c) = (digit(), digit(), digit());
        out.push((a << 6) | (b << 3) | c);
    }
    PathBuf::from(String::from_utf8_lossy(&out).into_owned())
}

/// Mounts memory at a directory, unless something is mounted there.
pub(crate) fn mount_memory(path: &Path, size: Option<i64>) -> io::Result<()> {
    if mounts::is_mount_point(path)? {
        return Ok(());
    }
    let options = size.map(|size| format!("size={size}")).unwrap_or_default();
    let options = std::ffi::CString::new(options)?;
    rustix::mount::mount(
        "tmpfs",
        path,
        "tmpfs",
        MountFlags::empty(),
        options.as_c_str(),
    )?;
    Ok(())
}

/// Unmounts everything at or below `root`, deepest first.
pub(crate) fn unmount_below(root: &Path) -> io::Result<()> {
    for point in below(root)?.iter().rev() {
        rustix::mount::unmount(point, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?;
    }
    Ok(())
}
