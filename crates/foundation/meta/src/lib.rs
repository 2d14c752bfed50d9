//! styr-meta: see `ARCHITECTURE.md`.
