//! Server-side apply and managed fields.

mod random;
mod recorded;
mod rules;
mod sets;
mod subresources;
