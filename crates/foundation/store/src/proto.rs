//! Messages and services of the etcd v3 API, generated from `proto/`.

/// Keys and events.
#[allow(clippy::all, clippy::pedantic, clippy::restriction, clippy::nursery, reason = "generated")]
#[rustfmt::skip]
#[path = "../generated/mvccpb.rs"]
pub mod mvccpb;

/// Requests, answers and services.
#[allow(missing_debug_implementations, unreachable_pub, reason = "generated")]
#[allow(clippy::all, clippy::pedantic, clippy::restriction, clippy::nursery, reason = "generated")]
#[rustfmt::skip]
#[path = "../generated/etcdserverpb.rs"]
pub mod etcdserverpb;
