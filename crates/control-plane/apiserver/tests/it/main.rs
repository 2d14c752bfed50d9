//! The server over a store in memory, asked as a client asks: by requests through the whole chain.

#![expect(
    clippy::tests_outside_test_module,
    reason = "all of this crate is tests"
)]

mod lists;
mod memory_store;
mod paths;
mod server;
mod streams;
mod tables;
mod watches;
mod websockets;
mod writes;
