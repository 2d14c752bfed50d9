//! Numbers of system calls.

#[cfg(target_arch = "x86_64")]
static SYSCALLS: &[(&str, i64)] = include!("../../generated/syscalls_x86_64.rs");
#[cfg(target_arch = "aarch64")]
static SYSCALLS: &[(&str, i64)] = include!("../../generated/syscalls_aarch64.rs");
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static SYSCALLS: &[(&str, i64)] = &[];

/// The number of a system call on this machine.
pub(super) fn number(name: &str) -> Option<i64> {
    let index = SYSCALLS.binary_search_by_key(&name, |(name, _)| name);
    index.ok().map(|index| SYSCALLS[index].1)
}
