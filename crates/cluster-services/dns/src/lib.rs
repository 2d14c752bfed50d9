//! styr-dns: see `ARCHITECTURE.md`.
