//! kube-scheduler: gives each pod a node.
//!
//! One task owns all state: a `queue` of pods that want a node, a `snapshot` of the nodes that
//! the caches' changes keep current, and the cycle that puts the `plugins`' questions to them.
//! What must wait for the API server (volumes, binding, events) runs beside it.

mod binding;
mod config;
mod cycle;
mod framework;
mod node;
mod operate;
mod plugins;
mod pod;
mod preemption;
mod queue;
mod report;
mod resources;
mod scheduler;
mod selection;
mod snapshot;
mod terms;
#[cfg(test)]
mod testing;

pub use config::Config;
pub use operate::{Deps, command, run};

/// The component's name, as upstream calls it.
pub const NAME: &str = "kube-scheduler";
