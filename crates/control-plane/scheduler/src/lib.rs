//! styr-scheduler: see `ARCHITECTURE.md`.
