//! Notes: a web front and an API that keeps notes as files of a volume.
//!
//! An application as a user of a cluster would write it: it knows probes, signals, settings and
//! names of services, and nothing of the cluster's making.

pub mod api;
pub mod client;
pub mod notes;
mod page;
pub mod serve;
pub mod settings;
pub mod web;
