//! The container runtime: CRI v1 over pods that live by themselves.
//!
//! A pod's first process ([`styr_oci::pod_init`]) holds what belongs to it; this server only tells
//! it what to do and keeps records, so that it may end and begin again at any time.

mod cni;
mod command;
mod image_service;
pub mod images;
mod pod_link;
mod records;
mod runtime;
mod service;
mod spec;
pub mod streaming;

pub use command::{Config, Deps, command, load_image, run};

/// The component's name.
pub const NAME: &str = "container-runtime";
