//! Every refusal of the server in upstream's words; handlers make none by themselves.

use http::StatusCode;
use serde_json::Value;
use styr_api::Kind;
use styr_meta::{FieldError, GroupKind, GroupResource, Status, StatusCause, StatusDetails};
use styr_store::{Revision, StoreError};

use crate::negotiation::NotAcceptable;
use crate::request::RequestInfo;

/// Why a writer with an old version is refused.
pub(crate) const MODIFIED: &str = "the object has been modified; please apply your changes to the latest \
                            version and try again";

const CONTINUE_EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. You can \
     start a new list without the continue parameter, or use the continue token in this response \
     to retrieve the remainder of the results. Continuing with the provided token results in an \
     inconsistent list - objects that were created, modified, or deleted between the time the \
     first chunk was returned and now may show up in the list.";

pub(crate) fn resource(kind: &Kind) -> GroupResource {
    (kind.group.as_str(), kind.plural.as_str()).into()
}

fn group_kind(kind: &Kind) -> GroupKind {
    (kind.group.as_str(), kind.kind.as_str()).into()
}

pub(crate) fn not_found(kind: &Kind, name: &str) -> Status {
    Status::not_found(resource(kind), name)
}

pub(crate) fn already_exists(kind: &Kind, name: &str) -> Status {
    Status::already_exists(resource(kind), name)
}

pub(crate) fn generated_name_conflict(kind: &Kind, refused: &Status) -> Status {
    let name = refused
        .details
        .as_ref()
        .map_or("", |details| details.name.as_str());
    Status::generate_name_conflict(resource(kind), name)
}

pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Status {
    Status::conflict(resource(kind), name, why)
}

/// Some of upstream's conflicts name the kind where the resource belongs.
pub(crate) fn conflict_of_kind(kind: &Kind, name: &str, why: &str) -> Status {
    Status::conflict((kind.group.as_str(), kind.kind.as_str()), name, why)
}

pub(crate) fn invalid(kind: &Kind, name: &str, problems: Vec<FieldError>) -> Status {
    Status::invalid(group_kind(kind), name, problems)
}

pub(crate) fn invalid_options(kind: &str, problems: Vec<FieldError>) -> Status {
    Status::invalid(("meta.k8s.io", kind), "", problems)
}

pub(crate) fn version_required(kind: &Kind, name: &str) -> Status {
    let field = "metadata.resourceVersion";
    let problem = FieldError::invalid(field, 0, "must be specified for an update");
    Status::invalid(
        (kind.group.as_str(), kind.plural.as_str()),
        name,
        vec![problem],
    )
}

/// An error that upstream does not classify.
pub(crate) fn plain(message: String) -> Status {
    Status::failure(500, "", message)
}

pub(crate) fn bad_request(message: &str) -> Status {
    Status::bad_request(message)
}

pub(crate) fn internal(why: &str) -> Status {
    Status::internal(why)
}

pub(crate) fn not_implemented(what: &str) -> Status {
    Status::not_implemented(what)
}

pub(crate) fn shutting_down() -> Status {
    Status::service_unavailable("the server is shutting down")
}

pub(crate) fn too_many_requests() -> Status {
    Status::too_many_requests("Too many requests, please try again later.", 1)
}

pub(crate) fn expired(message: &str) -> Status {
    Status::expired(message)
}

pub(crate) fn is_already_exists(status: &Status) -> bool {
    status.is("AlreadyExists")
}

pub(crate) fn is_not_found(status: &Status) -> bool {
    status.is("NotFound")
}

pub(crate) fn is_expired(status: &Status) -> bool {
    status.is("Expired")
}

/// A list whose revision is gone, with the token by which it can be continued nevertheless.
pub(crate) fn continue_expired(token: &str) -> Value {
    let mut value = tree(&Status::expired(CONTINUE_EXPIRED));
    value["metadata"]["continue"] = token.into();
    value
}

/// A revision that the store has not reached.
pub(crate) fn too_large_resource_version(wanted: Revision, current: Revision) -> Status {
    let message = format!("Too large resource version: {wanted}, current: {current}");
    let mut status = Status::timeout(message, 1);
    let cause = StatusCause {
        reason: "ResourceVersionTooLarge".to_owned(),
        message: "Too large resource version".to_owned(),
        ..StatusCause::default()
    };
    status.details.get_or_insert_default().causes.push(cause);
    status
}

/// A list of a revision that is gone.
pub(crate) fn compacted() -> Status {
    Status::expired("The resourceVersion for the provided list is too old.")
}

/// What the store refused, where no handler knows better.
pub(crate) fn store(error: &StoreError) -> Status {
    match error {
        StoreError::Compacted { .. } => compacted(),
        StoreError::TooLarge { .. } => Status::too_large(error),
        StoreError::Future { .. } => Status::timeout(error, 1),
        _ => Status::internal(error),
    }
}

pub(crate) fn not_acceptable(refused: NotAcceptable) -> Status {
    let NotAcceptable { known, knows_media } = refused;
    let known = known.join(", ");
    if knows_media {
        let message = format!("only the following media types are accepted: {known}");
        return Status::not_acceptable(message);
    }
    let message = format!("406: Not Acceptable\n\nAvailable representations: {known}");
    Status::not_acceptable(message).with_details(StatusDetails::default())
}

pub(crate) fn unsupported_media_type(known: &[&str]) -> Status {
    Status::unsupported_media_type(format!(
        "the body of the request was in an unknown format - accepted media types include: {}",
        known.join(", ")
    ))
}

/// A patch in a format that is none.
pub(crate) fn unsupported_patch() -> Status {
    Status::unsupported_media_type("415: Unsupported Media Type")
        .with_details(StatusDetails::default())
}

pub(crate) fn body_too_large(limit: usize) -> Status {
    Status::too_large(format!("limit is {limit}"))
}

pub(crate) fn undecodable(kind: &str, version: &str, reason: &str) -> Status {
    Status::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {kind}: {reason}"
    ))
}

/// A body that does not even say what it is.
pub(crate) fn unrecognized(kind: &str, reason: &str, body: &[u8]) -> Status {
    const SHOWN: usize = 30;
    let shown = match body {
        [] => "<empty>".to_owned(),
        [b'{', ..] if body.len() > SHOWN => {
            format!("{} ...", String::from_utf8_lossy(&body[..SHOWN]))
        }
        [b'{', ..] => String::from_utf8_lossy(body).into_owned(),
        other => {
            let hex = other.iter().take(SHOWN).map(|byte| format!("{byte:02x}"));
            let rest = if other.len() > SHOWN { " ..." } else { "" };
            hex.chain([rest.to_owned()]).collect()
        }
    };
    Status::bad_request(format!(
        "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; \
         json parse error: {reason} ({shown})"
    ))
}

/// A body of another version than the path says.
pub(crate) fn wrong_version(given: &str, (expected, kind): (&str, &str)) -> Status {
    let is_known = styr_api::table()
        .iter()
        .any(|it| it.kind == kind && it.api_version() == given);
    if !is_known {
        return wrong_kind((given, kind), ("", "", kind));
    }
    Status::bad_request(format!(
        "the API version in the data ({given}) does not match the expected API version ({expected})"
    ))
}

/// A body of another kind than the path says.
pub(crate) fn wrong_kind(
    (api_version, kind): (&str, &str),
    (group, _, wanted): (&str, &str, &str),
) -> Status {
    let (given_group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let is_known = styr_api::table()
        .iter()
        .any(|it| it.group == given_group && it.version == version && it.kind == kind);
    let why = if is_known {
        let group = group
            .split('.')
            .next()
            .filter(|it| !it.is_empty())
            .unwrap_or("core");
        format!("converting ({api_version}.{kind}) to ({group}.{wanted}): unknown conversion")
    } else {
        format!(
            "no kind {kind:?} is registered for version {api_version:?} in scheme \
             \"pkg/runtime/scheme.go:111\""
        )
    };
    Status::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {wanted}: {why}"
    ))
}

pub(crate) fn name_mismatch(given: &str, wanted: &str) -> Status {
    if given.is_empty() {
        return Status::bad_request(format!(
            "the name of the object ({wanted} based on URL) was undeterminable: name must be \
             provided"
        ));
    }
    Status::bad_request(format!(
        "the name of the object ({given}) does not match the name on the URL ({wanted})"
    ))
}

/// What upstream's mux says of a method that a path does not have.
pub(crate) fn no_such_method() -> Status {
    Status::failure(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    )
    .with_details(StatusDetails::default())
}

/// What a patch made of an object is none.
pub(crate) fn unpatchable(patched: &Value, why: &str) -> Status {
    let problem = FieldError::invalid("patch", patched.to_string(), why);
    Status::invalid(("", ""), "", vec![problem])
}

/// A patch that does not fit the object.
pub(crate) fn unprocessable() -> Status {
    let message = "the server rejected our request due to an error in our request";
    Status::failure(422, "Invalid", message).with_details(StatusDetails::default())
}

/// What an unauthorized request is told.
pub(crate) fn forbidden(user: &str, info: &RequestInfo, reason: &str) -> Status {
    if !info.is_resource {
        let mut why = format!("User {user:?} cannot {} path {:?}", info.verb, info.path);
        if !reason.is_empty() {
            why = format!("{why}: {reason}");
        }
        return Status::forbidden(("", ""), "", why).with_details(StatusDetails::default());
    }
    let mut full = info.resource.clone();
    if !info.subresource.is_empty() {
        full = format!("{full}/{}", info.subresource);
    }
    let place = if info.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", info.namespace)
    };
    let mut why = format!(
        "User {user:?} cannot {} resource {full:?} in API group {:?} {place}",
        info.verb, info.group
    );
    if !reason.is_empty() {
        why = format!("{why}: {reason}");
    }
    let resource = (info.group.as_str(), info.resource.as_str());
    Status::forbidden(resource, &info.name, why)
}

pub(crate) fn code(status: &Status) -> StatusCode {
    StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

pub(crate) fn retry_after(status: &Status) -> Option<u32> {
    let seconds = status.details.as_ref()?.retry_after_seconds;
    u32::try_from(seconds).ok().filter(|seconds| *seconds > 0)
}

/// The whole object.
pub(crate) fn tree(status: &Status) -> Value {
    status.to_value()
}

/// A path that leads nowhere.
pub(crate) fn no_such_path() -> Status {
    Status::no_such_resource()
}

/// A request that did not end within `--request-timeout`.
pub(crate) fn took_too_long() -> Status {
    Status::timeout("request did not complete within the allotted timeout", 0)
}
