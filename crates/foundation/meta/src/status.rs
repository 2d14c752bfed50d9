//! The answer to a request that did not succeed (or has nothing else to say).
//!
//! Constructors follow `k8s.io/apimachinery/pkg/api/errors`: same codes, reasons and messages.

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::field::{self, FieldError};
use crate::kinds::{GroupKind, GroupResource};

/// `meta/v1 Status`, without its type and the metadata of lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
#[error("{message}")]
pub struct Status {
    /// `Success` or `Failure`.
    pub status: String,
    pub message: String,
    pub reason: String,
    pub details: Option<Box<StatusDetails>>,
    pub code: u16,
}

/// What a `Status` is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatusDetails {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<StatusCause>,
    #[serde(skip_serializing_if = "is_zero")]
    pub retry_after_seconds: i32,
}

/// One of the causes of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StatusCause {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

impl Status {
    /// A failure with nothing but its code, reason and message.
    pub fn failure(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self {
            status: "Failure".to_owned(),
            message: message.into(),
            reason: reason.to_owned(),
            details: None,
            code,
        }
    }

    /// The same, about something.
    #[must_use]
    pub fn with_details(mut self, details: StatusDetails) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// The same, with an advice when to come back.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: i32) -> Self {
        self.details.get_or_insert_default().retry_after_seconds = seconds;
        self
    }

    fn about(self, resource: GroupResource, name: &str) -> Self {
        let GroupResource {
            group,
            resource: kind,
        } = resource;
        self.with_details(StatusDetails {
            name: name.to_owned(),
            group,
            kind,
            ..StatusDetails::default()
        })
    }

    /// The answer to a request that succeeded and has no object to show.
    pub fn success() -> Self {
        Self {
            status: "Success".to_owned(),
            code: 200,
            ..Self::default()
        }
    }

    pub fn not_found(resource: impl Into<GroupResource>, name: &str) -> Self {
        let resource = resource.into();
        let message = format!("{resource} {} not found", field::quoted(name));
        Self::failure(404, "NotFound", message).about(resource, name)
    }

    pub fn already_exists(resource: impl Into<GroupResource>, name: &str) -> Self {
        let resource = resource.into();
        let message = format!("{resource} {} already exists", field::quoted(name));
        Self::failure(409, "AlreadyExists", message).about(resource, name)
    }

    /// Every generated name that was tried is taken.
    pub fn generate_name_conflict(resource: impl Into<GroupResource>, name: &str) -> Self {
        let resource = resource.into();
        let message = format!(
            "{resource} {} already exists, the server was not able to generate a unique name for the object",
            field::quoted(name)
        );
        Self::failure(409, "AlreadyExists", message)
            .about(resource, name)
            .with_retry_after(1)
    }

    pub fn unauthorized(reason: &str) -> Self {
        let message = if reason.is_empty() {
            "not authorized"
        } else {
            reason
        };
        Self::failure(401, "Unauthorized", message)
    }

    pub fn forbidden(resource: impl Into<GroupResource>, name: &str, why: impl Display) -> Self {
        let resource = resource.into();
        let message = if resource.resource.is_empty() && resource.group.is_empty() {
            format!("forbidden: {why}")
        } else if name.is_empty() {
            format!("{resource} is forbidden: {why}")
        } else {
            format!("{resource} {} is forbidden: {why}", field::quoted(name))
        };
        Self::failure(403, "Forbidden", message).about(resource, name)
    }

    pub fn conflict(resource: impl Into<GroupResource>, name: &str, why: impl Display) -> Self {
        let resource = resource.into();
        let quoted = field::quoted(name);
        let message = format!("Operation cannot be fulfilled on {resource} {quoted}: {why}");
        Self::failure(409, "Conflict", message).about(resource, name)
    }

    /// The conflict of a writer who has read an older version.
    pub fn modified(resource: impl Into<GroupResource>, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    /// Fields that are owned by other appliers.
    pub fn apply_conflict(causes: Vec<StatusCause>, message: impl Into<String>) -> Self {
        Self::failure(409, "Conflict", message).with_details(StatusDetails {
            causes,
            ..StatusDetails::default()
        })
    }

    /// An object that breaks rules.
    #[expect(clippy::needless_pass_by_value, reason = "the errors end here")]
    pub fn invalid(kind: impl Into<GroupKind>, name: &str, errors: Vec<FieldError>) -> Self {
        let kind = kind.into();
        let mut message = format!("{kind} {} is invalid", field::quoted(name));
        if !errors.is_empty() {
            message = format!("{message}: {}", field::aggregate(&errors));
        }
        let causes = errors
            .iter()
            .map(|error| StatusCause {
                reason: error.kind.cause().to_owned(),
                message: error.body(),
                field: error.field.clone(),
            })
            .collect();
        Self::failure(422, "Invalid", message).with_details(StatusDetails {
            name: name.to_owned(),
            group: kind.group,
            kind: kind.kind,
            causes,
            ..StatusDetails::default()
        })
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::failure(400, "BadRequest", message)
    }

    pub fn gone(message: impl Into<String>) -> Self {
        Self::failure(410, "Gone", message)
    }

    /// A version that has been compacted, or a continue token that is too old.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::failure(410, "Expired", message)
    }

    pub fn too_large(message: impl Display) -> Self {
        let message = format!("Request entity too large: {message}");
        Self::failure(413, "RequestEntityTooLarge", message)
    }

    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::failure(415, "UnsupportedMediaType", message)
    }

    pub fn not_acceptable(message: impl Into<String>) -> Self {
        Self::failure(406, "NotAcceptable", message)
    }

    pub fn method_not_supported(resource: impl Into<GroupResource>, action: &str) -> Self {
        let resource = resource.into();
        let quoted = field::quoted(&resource.to_string());
        let message = format!("{action} is not supported on resources of kind {quoted}");
        Self::failure(405, "MethodNotAllowed", message).about(resource, "")
    }

    /// The server gave up waiting.
    pub fn timeout(message: impl Display, retry_after_seconds: i32) -> Self {
        Self::failure(504, "Timeout", format!("Timeout: {message}")).with_details(StatusDetails {
            retry_after_seconds,
            ..StatusDetails::default()
        })
    }

    pub fn server_timeout(
        resource: impl Into<GroupResource>,
        operation: &str,
        retry_after_seconds: i32,
    ) -> Self {
        let resource = resource.into();
        let message = format!(
            "The {operation} operation against {resource} could not be completed at this time, please try again."
        );
        Self::failure(500, "ServerTimeout", message)
            .about(resource, operation)
            .with_retry_after(retry_after_seconds)
    }

    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: i32) -> Self {
        Self::failure(429, "TooManyRequests", message).with_details(StatusDetails {
            retry_after_seconds,
            ..StatusDetails::default()
        })
    }

    pub fn service_unavailable(message: impl Into<String>) -> Self {
        Self::failure(503, "ServiceUnavailable", message)
    }

    pub fn internal(why: impl Display) -> Self {
        let why = why.to_string();
        let message = format!("Internal error occurred: {why}");
        let cause = StatusCause {
            message: why,
            ..StatusCause::default()
        };
        Self::failure(500, "InternalError", message).with_details(StatusDetails {
            causes: vec![cause],
            ..StatusDetails::default()
        })
    }

    /// A part of the API that this server does not have.
    pub fn not_implemented(what: impl Display) -> Self {
        Self::failure(501, "NotImplemented", format!("not implemented: {what}"))
    }

    /// What a path that leads nowhere is answered with.
    pub fn no_such_resource() -> Self {
        Self::failure(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )
        .with_details(StatusDetails::default())
    }

    /// Whether it says so for this reason.
    pub fn is(&self, reason: &str) -> bool {
        self.reason == reason
    }

    /// The whole object, as a tree.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_else(|_| json!({}))
    }

    /// The whole object, as upstream writes it: with a line end.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads a `Status` that another server has answered.
    pub fn from_value(value: &Value) -> Option<Self> {
        if value["kind"] != "Status" {
            return None;
        }
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        Some(Self {
            status: text("status"),
            message: text("message"),
            reason: text("reason"),
            details: serde_json::from_value(value["details"].clone()).ok(),
            code: value["code"]
                .as_u64()
                .and_then(|code| u16::try_from(code).ok())
                .unwrap_or(0),
        })
    }
}

/// The form on the wire: Go's field order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: Empty,
    #[serde(skip_serializing_if = "str::is_empty")]
    status: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a StatusDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
}

#[derive(Serialize)]
struct Empty {}

impl Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire {
            kind: "Status",
            api_version: "v1",
            metadata: Empty {},
            status: &self.status,
            message: &self.message,
            reason: &self.reason,
            details: self.details.as_deref(),
            code: (self.code != 0).then_some(self.code),
        }
        .serialize(serializer)
    }
}
