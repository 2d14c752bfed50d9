//! Turns a pod into the configurations that a runtime takes: sandbox and containers.

use std::collections::BTreeMap;

pub(crate) mod container;
pub(crate) mod dns;
pub(crate) mod downward;
pub(crate) mod environment;
pub(crate) mod expand;
pub(crate) mod hosts;
pub(crate) mod mounts;
pub(crate) mod resources;
pub(crate) mod sandbox;
pub(crate) mod security;
pub(crate) mod service_environment;
pub(crate) mod sub_path;
#[cfg(test)]
mod tests;

/// Why a container could not be prepared; the reason becomes that of its waiting state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }

    /// The pod's own definition, or what it refers to, is at fault.
    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new("CreateContainerConfigError", message)
    }
}

/// What a node offers to pods, by resource, as whole numbers (processors in thousandths).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct NodeResources {
    pub(crate) cpu_milli: i64,
    pub(crate) memory: i64,
    pub(crate) ephemeral_storage: i64,
}

/// Variables of a container, each name once.
pub(crate) type Environment = BTreeMap<String, String>;
