//! The store over the wire, asked by the client that the API server uses.

#[cfg(test)]
mod client;
#[cfg(test)]
mod quota;
#[cfg(test)]
mod range_stream;
#[cfg(test)]
mod server;
