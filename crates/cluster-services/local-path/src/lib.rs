//! styr-local-path: see `ARCHITECTURE.md`.
