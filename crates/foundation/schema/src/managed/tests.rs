//! The rules of server-side apply.
