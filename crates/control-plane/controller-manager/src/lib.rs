//! kube-controller-manager: makes the cluster what its objects say it should be.
//!
//! `table` lists the controllers; each is one file with the same parts: what it watches and
//! writes, `reconcile`, a pure `plan`, and its application. What they have in common is in
//! `shared`. Queues, caches and leader election are the client crate's.

mod accounts;
mod config;
mod context;
mod operate;
mod shared;
mod table;

mod bootstrap;
mod certificates;
mod cluster_role_aggregation;
mod cron_job;
mod daemon_set;
mod deployment;
mod disruption;
mod endpoint_slice;
mod endpoint_slice_mirroring;
mod endpoints;
mod ephemeral_volume;
mod finished;
mod garbage_collector;
mod job;
mod namespace;
mod node_ipam;
mod node_lifecycle;
mod node_ttl;
mod persistent_volume;
mod pod_garbage;
mod replica_set;
mod root_certificate;
mod service_account;
mod service_account_token;
mod stateful_set;
mod taint_eviction;

pub use accounts::{Clients, OneClient, ServiceAccounts};
pub use config::Config;
pub use context::Deps;
pub use operate::{command, run};
pub use table::{CONTROLLERS, Controller};

/// The component's name, as upstream calls it.
pub const NAME: &str = "kube-controller-manager";
