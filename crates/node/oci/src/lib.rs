//! Starts containers from OCI configurations.
//!
//! [`launch`] does the work, in a single-threaded process only. Two programs use it: [`runc`], whose
//! command line is that of the program of that name, and [`pod_init`], the first process of each pod,
//! which the container runtime drives over a socket.

pub mod channel;
pub mod launch;
pub mod paths;
pub mod pod_init;
pub mod runc;
pub mod spec;

pub use spec::Spec;
