//! styr-etcd: see `ARCHITECTURE.md`.
