//! styr-apiserver: see `ARCHITECTURE.md`.
