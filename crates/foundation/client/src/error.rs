//! What can go wrong with a request, and the questions that callers ask about it.

use kube::core::Status;

/// A request that was not answered as wanted.
#[expect(clippy::error_impl_error, reason = "read as `styr_client::Error`")]
#[derive(Debug, thiserror::Error)]
#[error("could not {attempted}")]
pub struct Error {
    attempted: String,
    #[source]
    source: Cause,
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("{}", .0.message)]
    Status(Box<Status>),
    #[error(transparent)]
    Connection(kube::Error),
}

impl Error {
    /// `attempted` is a verb and its object: `create pods in default`.
    pub fn new(attempted: impl Into<String>, source: kube::Error) -> Self {
        Self {
            attempted: attempted.into(),
            source: match source {
                kube::Error::Api(status) => Cause::Status(status),
                other => Cause::Connection(other),
            },
        }
    }

    /// What the server said, if it answered.
    pub fn status(&self) -> Option<&Status> {
        match &self.source {
            Cause::Status(status) => Some(status),
            Cause::Connection(_) => None,
        }
    }

    /// The object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// The object was changed by somebody else in the meantime.
    pub fn is_conflict(&self) -> bool {
        self.status().is_some_and(|s| s.reason == "Conflict")
    }

    /// The object exists already.
    pub fn is_already_exists(&self) -> bool {
        self.status().is_some_and(|s| s.reason == "AlreadyExists")
    }

    /// The resource version is too old to continue from.
    pub fn is_expired(&self) -> bool {
        self.code() == Some(410)
    }

    /// The namespace is being deleted, so that nothing can be created in it any more.
    pub fn is_namespace_terminating(&self) -> bool {
        self.status().is_some_and(|status| {
            let causes = status.details.iter().flat_map(|details| &details.causes);
            let mut reasons = causes.map(|cause| cause.reason.as_str());
            status.reason == "Forbidden" && reasons.any(|reason| reason == "NamespaceTerminating")
        })
    }

    /// The code of the answer.
    pub fn code(&self) -> Option<u16> {
        self.status().map(|status| status.code)
    }

    /// Success if the error says that there is nothing there.
    pub fn unless_not_found<T>(result: Result<T, Self>) -> Result<Option<T>, Self> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
