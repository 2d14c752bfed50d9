//! Cluster DNS: CoreDNS' Corefile and the plugins of its default, with answers from shared caches.
//!
//! `corefile` reads the file, `plugins` is the table of what may stand in it, a chain of them
//! answers each question. Watches Services, EndpointSlices and Namespaces; writes nothing.

mod chain;
mod command;
mod corefile;
mod plugins;
mod server;
mod wire;

pub use command::{Config, Deps, NAME, command, run};
