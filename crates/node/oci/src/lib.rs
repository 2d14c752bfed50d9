//! styr-oci: see `ARCHITECTURE.md`.
