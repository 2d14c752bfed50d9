//! The real API server and ours, side by side.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod store;
