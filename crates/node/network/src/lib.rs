//! The pod network: a CNI plugin that wires one pod, and an agent that joins the nodes.
//!
//! Every pod has a routed link of its own with a /32, never a shared bridge, so each packet passes
//! the node's forward hook with connection tracking. [`cni_command`] is the plugin, a process per
//! call; [`run`] is the agent, one per node, which gives nodes routes to each other's pods and
//! writes the plugin's configuration.

pub mod agent;
#[cfg(test)]
mod bed;
mod cni;

pub use agent::{Config, Deps, NAME, command, run};
pub use cni::cni_command;
