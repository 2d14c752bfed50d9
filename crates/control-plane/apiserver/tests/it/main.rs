//! The server over a store in memory, asked as a client asks: by requests through the whole chain.

mod lists;
mod memory_store;
mod server;
mod streams;
mod watches;
mod writes;
