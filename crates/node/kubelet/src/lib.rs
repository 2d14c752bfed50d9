//! styr-kubelet: see `ARCHITECTURE.md`.
