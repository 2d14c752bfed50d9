//! styr-cri: see `ARCHITECTURE.md`.
