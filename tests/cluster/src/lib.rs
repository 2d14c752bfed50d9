//! A whole cluster in one thread: store, API server, controllers and scheduler as they are, and
//! nodes whose pods only pretend to run.
//!
//! Everybody speaks to the API server in memory, through its whole chain, as the user that they
//! are in a real cluster. Time stands still until nobody has anything left to do, and then jumps
//! to the next moment that somebody waits for: hours pass in milliseconds, and nothing sleeps.
//! Faults come from a seed, which is printed.

mod cluster;
mod disk;
mod faults;
mod idle;
mod node;
mod store;
mod users;

pub use cluster::{Cluster, run, run_with};
pub use faults::Faults;
pub use node::{NEVER_READY, Node};
