//! `styr version`

use crate::help::KUBERNETES;

pub(super) fn text() -> String {
    format!(
        "styr v{} (Kubernetes {KUBERNETES}) {}/{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}
