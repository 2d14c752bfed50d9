//! Capabilities: names, sets, and putting them on.

use std::io;

use rustix::thread::{CapabilitySet, CapabilitySets};

static NAMES: &[&str] = &[
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// All names, in the order of their numbers.
pub fn names() -> &'static [&'static str] {
    NAMES
}

/// A set of capabilities, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Set(u64);

impl Set {
    /// The named ones; unknown names are left out, as a newer program may name newer ones.
    pub fn of(names: &[String]) -> Self {
        let position = |name: &String| NAMES.iter().position(|known| known == name);
        Self(
            names
                .iter()
                .filter_map(position)
                .fold(0, |set, bit| set | 1 << bit),
        )
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn has(self, bit: usize) -> bool {
        self.0 & (1 << bit) != 0
    }
}

/// The five sets of a process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sets {
    pub bounding: Set,
    pub effective: Set,
    pub permitted: Set,
    pub inheritable: Set,
    pub ambient: Set,
}

/// What this process holds.
pub fn permitted() -> io::Result<Set> {
    Ok(Set(rustix::thread::capabilities(None)?.permitted.bits()))
}

/// Capabilities that this process has, by name: a privileged container can have no more.
pub fn permitted_names() -> io::Result<Vec<String>> {
    let held = permitted()?;
    let names = NAMES.iter().enumerate().filter(|(bit, _)| held.has(*bit));
    Ok(names.map(|(_, &name)| name.to_owned()).collect())
}

/// Narrows the bounding set. Has to come before the user is changed.
pub fn limit_bounding(set: Set) -> io::Result<()> {
    for bit in 0..NAMES.len() {
        let capability = single(bit);
        // Answers an error for a bit that this kernel lacks.
        let held = rustix::thread::capability_is_in_bounding_set(capability).unwrap_or(false);
        if held && !set.has(bit) {
            rustix::thread::remove_capability_from_bounding_set(capability)?;
        }
    }
    Ok(())
}

/// Puts the other sets on, after the user was changed. What this process lacks cannot be given.
pub fn apply(sets: Sets) -> io::Result<()> {
    let held = permitted()?;
    let bits = |set: Set| CapabilitySet::from_bits_retain(set.and(held).0);
    rustix::thread::set_capabilities(
        None,
        CapabilitySets {
            effective: bits(sets.effective),
            permitted: bits(sets.permitted),
            inheritable: bits(sets.inheritable),
        },
    )?;
    rustix::thread::clear_ambient_capability_set()?;
    let ambient = sets
        .ambient
        .and(held)
        .and(sets.permitted)
        .and(sets.inheritable);
    for bit in (0..NAMES.len()).filter(|bit| ambient.has(*bit)) {
        rustix::thread::configure_capability_in_ambient_set(single(bit), true)?;
    }
    Ok(())
}

fn single(bit: usize) -> CapabilitySet {
    CapabilitySet::from_bits_retain(1 << bit)
}
