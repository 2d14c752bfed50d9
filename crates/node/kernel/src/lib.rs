//! styr-kernel: see `ARCHITECTURE.md`.

pub mod netlink;
pub mod netns;
pub mod nftables;
