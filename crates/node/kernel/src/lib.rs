//! styr-kernel: see `ARCHITECTURE.md`.

pub mod cgroups;
pub mod mounts;
pub mod netlink;
pub mod netns;
pub mod nftables;
pub mod process;
pub mod seccomp;
