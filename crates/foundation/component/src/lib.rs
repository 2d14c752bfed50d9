//! What every component has besides its work: flags, logs, metrics, health and a server for them.
//!
//! Flags are upstream's, by a generated table, so a manifest written for the real component starts
//! ours. What a flag means is the component's business; this crate only reads it.

pub mod flags;
pub mod health;
pub mod logs;
pub mod metrics;
pub mod operations;
pub mod secure_serving;
pub mod serve;

pub use flags::{Flag, FlagError, Flags};
