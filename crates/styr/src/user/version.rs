//! `styr version`

/// Upstream's release that this one is like.
const KUBERNETES: &str = "v1.37.1";

pub(super) fn text() -> String {
    format!(
        "styr v{} (Kubernetes {KUBERNETES}) {}/{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}
