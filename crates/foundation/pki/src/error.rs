//! What can be wrong with keys and certificates.

use std::path::PathBuf;

/// Why something could not be issued, read or trusted.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file could not be read or written.
    #[error("could not use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Not PEM, or not of this kind.
    #[error("could not read {what}: {reason}")]
    Malformed {
        /// What it should have been.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate could not be made.
    #[error("could not issue a certificate for {subject:?}: {reason}")]
    Issue {
        /// Its common name.
        subject: String,
        /// Why not.
        reason: String,
    },
    /// A certificate, signature or token that is not to be trusted.
    #[error("{0}")]
    Untrusted(String),
}

impl PkiError {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "errors are handed over by whoever maps them"
    )]
    pub(crate) fn malformed(what: &'static str, reason: impl ToString) -> Self {
        Self::Malformed {
            what,
            reason: reason.to_string(),
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "errors are handed over by whoever maps them"
    )]
    pub(crate) fn issue(subject: &str, reason: impl ToString) -> Self {
        Self::Issue {
            subject: subject.to_owned(),
            reason: reason.to_string(),
        }
    }
}
