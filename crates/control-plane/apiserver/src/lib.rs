//! The API server: stores objects, serves them to whoever may see them, and tells of changes.
//!
//! A request goes through `chain` (who, may they, admission) to `handlers`, which read and write
//! `registry`, one watch cache per resource over the store. Kinds are data (`styr_api`); nothing
//! here knows a kind but the files of `subresources`, `allocation` and `duties`.

pub mod attributes;
pub mod objects;
