//! styr-pki: see `ARCHITECTURE.md`.
