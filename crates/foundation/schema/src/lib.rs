//! styr-schema: see `ARCHITECTURE.md`.
