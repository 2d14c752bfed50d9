//! styr-cluster: see `ARCHITECTURE.md`.
