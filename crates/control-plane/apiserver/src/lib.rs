//! The API server: stores objects, serves them to whoever may see them, and tells of changes.
//!
//! A request goes through `chain` (who, may they, admission) to `handlers`, which read and write
//! `registry`, one watch cache per resource over the store. Kinds are data (`styr_api`); nothing
//! here knows a kind but the files of `subresources`, `allocation` and `duties`.

pub mod attributes;
pub mod config;
pub mod objects;
pub mod registry;
pub mod server;

mod admission;
mod allocation;
mod authentication;
mod authorization;
pub mod body;
mod bootstrap;
mod chain;
mod command;
mod discovery;
mod duties;
mod field_manager;
mod flow;
mod forward;
mod gzip;
mod handlers;
mod health;
mod impersonation;
mod inbound;
mod kubelets;
mod limits;
mod metrics;
mod negotiation;
mod openapi;
mod paths;
mod plugins;
mod pretty;
mod query;
mod request;
mod resources;
mod response;
mod service_account;
mod shapes;
mod status;
mod subresources;
mod table;
mod websocket;

pub use command::{NAME, command, run};
pub use config::{Config, Deps};
pub use server::{Server, build};
