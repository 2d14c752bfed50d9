//! styr-network: see `ARCHITECTURE.md`.
