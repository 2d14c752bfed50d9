//! The store over the wire, asked by the client that the API server uses.

mod client;
mod range_stream;
mod server;
