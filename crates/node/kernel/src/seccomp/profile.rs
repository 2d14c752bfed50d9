//! A seccomp profile, and the one that container runtimes apply by default.

static ALLOWED: &[&str] = include!("../../generated/runtime_default.rs");

/// What happens to a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Allow,
    Log,
    Trace(u32),
    Errno(u32),
    Trap,
    KillThread,
    KillProcess,
}

/// How an argument is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `argument & value == second`
    MaskedEqual,
}

/// A condition on one argument.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    pub index: u8,
    pub operator: Operator,
    pub value: u64,
    pub second: u64,
}

/// A verdict for some system calls, if all conditions hold.
#[derive(Debug, Clone)]
pub struct Rule {
    pub names: Vec<String>,
    pub verdict: Verdict,
    pub arguments: Vec<Argument>,
}

/// A whole profile.
#[derive(Debug, Clone)]
pub struct Profile {
    pub default: Verdict,
    pub rules: Vec<Rule>,
}

const PERMISSION: u32 = libc::EPERM.cast_unsigned();
const NO_SYSCALL: u32 = libc::ENOSYS.cast_unsigned();

/// What a capability opens on top.
static BY_CAPABILITY: &[(&str, &[&str])] = &[
    ("CAP_DAC_READ_SEARCH", &["open_by_handle_at"]),
    (
        "CAP_SYS_ADMIN",
        &[
            "bpf",
            "clone",
            "clone3",
            "fanotify_init",
            "fsconfig",
            "fsmount",
            "fsopen",
            "fspick",
            "lookup_dcookie",
            "mount",
            "mount_setattr",
            "move_mount",
            "open_tree",
            "perf_event_open",
            "quotactl",
            "quotactl_fd",
            "setdomainname",
            "sethostname",
            "setns",
            "syslog",
            "umount",
            "umount2",
            "unshare",
        ],
    ),
    ("CAP_SYS_BOOT", &["reboot"]),
    ("CAP_SYS_CHROOT", &["chroot"]),
    (
        "CAP_SYS_MODULE",
        &["delete_module", "init_module", "finit_module"],
    ),
    ("CAP_SYS_PACCT", &["acct"]),
    (
        "CAP_SYS_PTRACE",
        &[
            "kcmp",
            "pidfd_getfd",
            "process_madvise",
            "process_vm_readv",
            "process_vm_writev",
            "ptrace",
        ],
    ),
    ("CAP_SYS_RAWIO", &["iopl", "ioperm"]),
    (
        "CAP_SYS_TIME",
        &["settimeofday", "stime", "clock_settime", "clock_settime64"],
    ),
    ("CAP_SYS_TTY_CONFIG", &["vhangup"]),
    (
        "CAP_SYS_NICE",
        &[
            "get_mempolicy",
            "mbind",
            "set_mempolicy",
            "set_mempolicy_home_node",
        ],
    ),
    ("CAP_SYSLOG", &["syslog"]),
    ("CAP_BPF", &["bpf"]),
    ("CAP_PERFMON", &["perf_event_open"]),
];

/// Personalities that a program may take: Linux, and what `setarch` needs.
const PERSONALITIES: [u64; 5] = [0x0, 0x0008, 0x2_0000, 0x2_0008, 0xffff_ffff];
/// One more than the last socket family that has a name today (AF_MCTP).
const SOCKET_FAMILIES_END: u64 = 46;
/// Flags of clone that make namespaces.
const NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWCGROUP;

/// The default profile, for a container with these capabilities in its bounding set.
pub fn runtime_default(capabilities: &[String]) -> Profile {
    let mut rules = vec![allow(ALLOWED, Vec::new())];
    let known_family = Argument {
        index: 0,
        operator: Operator::Less,
        value: SOCKET_FAMILIES_END,
        second: 0,
    };
    rules.push(allow(&["socket"], vec![known_family]));
    for value in PERSONALITIES {
        let equal = Argument {
            index: 0,
            operator: Operator::Equal,
            value,
            second: 0,
        };
        rules.push(allow(&["personality"], vec![equal]));
    }
    #[cfg(target_arch = "x86_64")]
    rules.push(allow(&["arch_prctl", "modify_ldt"], Vec::new()));
    #[cfg(target_arch = "aarch64")]
    rules.push(allow(&["sync_file_range2"], Vec::new()));
    let has = |name: &str| capabilities.iter().any(|held| held == name);
    for (capability, names) in BY_CAPABILITY {
        if has(capability) {
            rules.push(allow(names, Vec::new()));
        }
    }
    if !has("CAP_SYS_ADMIN") {
        let no_namespaces = Argument {
            index: 0,
            operator: Operator::MaskedEqual,
            value: u64::from(NAMESPACES.cast_unsigned()),
            second: 0,
        };
        rules.push(allow(&["clone"], vec![no_namespaces]));
        // Its flags lie in memory, where a filter cannot look; libraries fall back to clone.
        rules.push(Rule {
            names: vec!["clone3".to_owned()],
            verdict: Verdict::Errno(NO_SYSCALL),
            arguments: Vec::new(),
        });
    }
    Profile {
        default: Verdict::Errno(PERMISSION),
        rules,
    }
}

fn allow(names: &[&str], arguments: Vec<Argument>) -> Rule {
    Rule {
        names: names.iter().map(|&name| name.to_owned()).collect(),
        verdict: Verdict::Allow,
        arguments,
    }
}
