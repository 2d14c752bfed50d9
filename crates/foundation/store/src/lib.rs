//! styr-store: see `ARCHITECTURE.md`.
