//! styr-container-runtime: see `ARCHITECTURE.md`.
