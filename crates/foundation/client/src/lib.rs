//! Everything a component needs to speak to the API server: requests, shared caches, controllers.
//!
//! Reads go through [`Caches`]: one list and watch per kind and process, one decoded copy of each
//! object. Writes go through [`Client`], as patches wherever the object exists already, because
//! typed structs drop fields that they do not know. [`controller`] runs reconcilers over both.

mod address;
mod caches;
mod connect;
mod error;
mod object;
mod reflector;
mod requests;
mod store;
mod subscription;

pub mod controller;
pub mod events;
pub mod expectations;
pub mod leader_election;
pub mod work_queue;

pub use address::Address;
pub use caches::{Cache, Caches, Scope};
pub use connect::Client;
pub use error::Error;
pub use object::{Key, Metadata, Object, controller_of};
pub use requests::Patch;
pub use store::Index;
pub use subscription::{Change, Subscription};
