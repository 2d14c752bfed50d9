//! The kinds that are built in: what the generated table says of each, and the rules that only code
//! can say (one file per kind).
//!
//! Everything is pure. Routes, discovery, OpenAPI, storage keys and printers read [`table`].

pub mod cells;
mod kind;
pub mod metadata;
mod numbers;
pub mod openapi;
mod rules;
mod selector;
mod table;
mod table_rules;
pub mod tree;

mod admissionregistration;
mod apiregistration;
mod apps;
mod autoscaling;
mod batch;
mod certificates;
mod coordination;
mod core;
mod discovery;
mod flowcontrol;
mod networking;
mod policy;
mod rbac;
mod scheduling;
mod storage;

pub use kind::{Column, Kind, Subresource};
pub use rules::{Context, Generation, Graceful, NameRule, Requester, Rules};
pub use table::{GroupVersions, find, groups, table};
