//! styr-kubelet: runs the pods of a node over CRI, and tells the API server about them.
//!
//! Each pod is one state machine, keyed by uid and driven by events. What to do is decided by pure
//! functions ([`plan`], [`status`]); what is done goes through the runtime's CRI alone.

mod identity;
mod observed;
mod plan;
mod pod;
mod qos;
mod status;
mod launch;
mod logs;
mod objects;
mod runtime;
mod volumes;
mod back_off;
mod events;
mod handler;
mod hooks;
mod http_client;
mod images;
mod probes;
