//! Errors in the form that the specification gives them.

use serde_json::{Value, json};

/// The numbers that the specification reserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Version = 1,
    UnknownContainer = 3,
    Environment = 4,
    Io = 5,
    Decoding = 6,
    Config = 7,
    TryLater = 11,
    /// STATUS: the plugin cannot serve ADD now.
    Unavailable = 50,
    /// Ours: the kernel refused.
    Kernel = 100,
}

/// Why a call failed.
#[derive(Debug)]
pub(super) struct CniError {
    pub(super) code: Code,
    pub(super) message: String,
    details: String,
}

impl CniError {
    pub(super) fn plain(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: String::new(),
        }
    }

    pub(super) fn new(
        code: Code,
        message: impl Into<String>,
        source: &dyn std::error::Error,
    ) -> Self {
        let mut details = source.to_string();
        let mut next = source.source();
        while let Some(source) = next {
            details.push_str(": ");
            details.push_str(&source.to_string());
            next = source.source();
        }
        Self {
            code,
            message: message.into(),
            details,
        }
    }

    /// The answer on standard output.
    pub(super) fn to_json(&self, version: &str) -> Value {
        json!({
            "cniVersion": version,
            "code": self.code as u32,
            "msg": self.message,
            "details": self.details,
        })
    }
}

impl From<styr_kernel::netlink::NetlinkError> for CniError {
    fn from(error: styr_kernel::netlink::NetlinkError) -> Self {
        Self::new(
            Code::Kernel,
            "could not set up the kernel's network",
            &error,
        )
    }
}

impl From<styr_kernel::netns::NetNsError> for CniError {
    fn from(error: styr_kernel::netns::NetNsError) -> Self {
        let code = if error.is_missing() {
            Code::UnknownContainer
        } else {
            Code::Kernel
        };
        Self::new(code, "could not use the pod's network namespace", &error)
    }
}
