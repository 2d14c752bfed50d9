//! Makes, shows and deletes clusters whose nodes are sandboxes of this machine; and the API alone.

mod addons;
pub mod api;
pub mod config;
pub mod create;
pub mod delete;
pub mod export;
mod host;
mod join;
mod journal;
mod keys;
pub mod kubeconfig;
mod manifests;
pub mod node;
mod preflight;
pub mod progress;
pub mod state;
mod template;

pub use styr_container_runtime::images::load_archive;
