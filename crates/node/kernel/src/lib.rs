//! styr-kernel: see `ARCHITECTURE.md`.
