//! styr-kubelet: runs the pods of a node over CRI, and tells the API server about them.
//!
//! Each pod is one state machine (`worker`), keyed by uid and driven by events. What to do is decided
//! by pure functions (`plan`, `status`, `admission`); what is done goes through the runtime's CRI.

mod config;
mod run;

mod machine;
mod node;
mod pods;
mod runtime_events;
mod server;
mod shared;
mod static_pods;
mod status_writer;
mod worker;

mod admission;
mod plan;
mod qos;
mod status;

mod back_off;
mod cgroups;
mod defaults;
mod events;
mod eviction;
mod handler;
mod hooks;
mod http_client;
mod identity;
mod images;
mod launch;
mod logs;
mod objects;
mod observed;
mod pod;
mod probes;
mod runtime;
mod volumes;

pub use config::Config;
pub use run::{Deps, command, run};

/// The component's name, as upstream has it.
pub const NAME: &str = "kubelet";
