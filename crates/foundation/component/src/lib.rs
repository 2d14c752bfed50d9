//! styr-component: see `ARCHITECTURE.md`.
