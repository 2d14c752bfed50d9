//! styr-api: see `ARCHITECTURE.md`.
