//! Makes, shows and deletes clusters whose nodes are sandboxes of this machine.

mod addons;
pub mod config;
mod join;
mod journal;
mod manifests;
pub mod state;
mod template;
