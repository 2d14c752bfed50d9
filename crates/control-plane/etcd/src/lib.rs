//! The store: etcd's API over a replicated log in front of an in-memory MVCC index.
//!
//! The log is the only thing on the commit path: one `fdatasync` per batch of waiting writers. What
//! is not yet on disk is in the index already, but no reader sees it: readers read at the revision
//! that is durable. See `ARCHITECTURE.md`, "life of a write".

mod config;
mod disk;
mod endpoints;
mod engine;
mod flags;
mod index;
mod lease;
mod log;
mod record;
mod run;
mod server;
mod snapshot;
mod txn;
mod watch;
mod wire;
mod writer;

pub use config::{Config, TlsFiles, Url};
pub use disk::{Disk, DiskFile, RealDisk};
pub use engine::{Engine, OpenError, Options};
pub use run::{Deps, NAME, command, run};
pub use server::{Member, Server};
pub use txn::{
    Compare, CompareResult, CompareTarget, Op, OpResult, RangeOp, RangeResult, SortOrder,
    SortTarget, Txn, TxnResult,
};
