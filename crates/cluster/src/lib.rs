//! Makes, shows and deletes clusters whose nodes are sandboxes of this machine.

mod addons;
pub mod api;
pub mod config;
mod join;
mod journal;
mod manifests;
pub mod state;
pub mod node;
mod template;
