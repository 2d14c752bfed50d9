//! What a cluster does as a whole, in memory.

#![expect(
    clippy::tests_outside_test_module,
    reason = "all of this crate is tests"
)]

mod accounts;
mod election;
mod evictions;
mod faults;
mod namespaces;
mod nodes;
mod swap;
mod volumes;
mod workloads;
