//! styr-client: see `ARCHITECTURE.md`.
