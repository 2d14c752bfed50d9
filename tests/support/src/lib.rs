//! styr-test-support: see `ARCHITECTURE.md`.
