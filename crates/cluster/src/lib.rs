//! Makes, shows and deletes clusters whose nodes are sandboxes of this machine; and the API alone.

mod addons;
pub mod api;
pub mod config;
mod host;
mod join;
mod journal;
pub mod kubeconfig;
mod manifests;
pub mod node;
pub mod state;
mod template;
