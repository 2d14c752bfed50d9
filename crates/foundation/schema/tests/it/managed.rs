//! Server-side apply and managed fields.

mod recorded;
