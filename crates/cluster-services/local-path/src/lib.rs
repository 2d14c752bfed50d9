//! local-path-provisioner: volumes that are directories of the node that the scheduler chose.
//!
//! [`command`] makes the directory by a helper pod on that node and then the
//! PersistentVolume; a released volume goes the same way back. Names, annotations and the layout of
//! the ConfigMap are those of `rancher.io/local-path`.

mod claim;
mod command;
mod config;
mod context;
mod directory;
mod helper_pod;
mod volume;

pub use command::{Deps, command, run};
pub use config::Options;
pub use directory::{NAME as HELPER_NAME, helper_command};

/// The component's name, as upstream calls it.
pub const NAME: &str = "local-path-provisioner";
