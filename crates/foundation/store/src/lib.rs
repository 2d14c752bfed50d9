//! The store's contract: revisioned keys, watch, leases; etcd's protocol; a client for a real etcd.
//!
//! The API server sees only [`Store`]. Our own engine implements it in process, [`EtcdClient`] over
//! the wire, so either side can be swapped. See <https://etcd.io/docs/v3.6/learning/api/>.

mod client;
mod contract;
mod error;
pub mod proto;

pub use client::{EtcdClient, TlsFiles};
pub use contract::{
    Event, EventKind, KeyValue, Range, RangeAnswer, Revision, Status, Store, WatchItem, WatchStream,
};
pub use error::StoreError;
