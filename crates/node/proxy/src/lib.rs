//! styr-proxy: see `ARCHITECTURE.md`.
