//! styr-controller-manager: see `ARCHITECTURE.md`.
