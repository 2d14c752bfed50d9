//! DELETE of one object.

use http::StatusCode;
use serde_json::{Value, json};
use styr_meta::Status;
use styr_schema::Strictness;

use super::Scope;
use crate::body::Response;
use crate::inbound::Inbound;
use crate::negotiation::{self, Offer};
use crate::registry::DeleteOptions;
use crate::{response, status};

/// Kinds whose deletion is answered by what was deleted rather than by a Status.
const OBJECT_ANSWERED: &[&str] = &[
    "csidrivers",
    "csinodes",
    "deviceclasses",
    "namespaces",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "resourceclaims",
    "resourceclaimtemplates",
    "resourcequotas",
    "resourceslices",
    "serviceaccounts",
    "services",
    "storageclasses",
    "volumeattachments",
    "volumeattributesclasses",
];

pub(super) async fn delete(mut inbound: Inbound, scope: Scope) -> Result<Response, Status> {
    let form = inbound.form(Offer::Objects)?;
    let options = options(&mut inbound).await?;
    let mut call = inbound.call(Vec::new())?;
    call.dry_run = !options.dry_run.is_empty();
    let deleted = scope
        .registry
        .delete(&mut call, &inbound.info.name, &options)
        .await?;
    let warnings = std::mem::take(&mut call.warnings);
    let code = if !deleted.gone && options.orphan_dependents == Some(false) {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    let answers_object = OBJECT_ANSWERED.contains(&scope.kind.plural.as_str());
    let answer = if deleted.gone && !answers_object {
        let metadata = &deleted.entry.value()["metadata"];
        let mut details = json!({
            "name": inbound.info.name,
            "kind": scope.kind.plural,
            "uid": metadata["uid"],
        });
        if !scope.kind.group.is_empty() {
            details["group"] = scope.kind.group.clone().into();
        }
        response::success(&details, code, form)
    } else {
        let now = inbound.state.clock.now();
        response::object(&scope, &deleted.entry, form, (code, now, &inbound.query))?
    };
    Ok(response::with_warnings(answer, &warnings))
}

/// The options, out of the body if there is one.
pub(super) async fn options(inbound: &mut Inbound) -> Result<DeleteOptions, Status> {
    let body = inbound.read_body().await?;
    let options = if body.is_empty() {
        DeleteOptions::from_query(&inbound.query).map_err(|text| status::bad_request(&text))?
    } else {
        let encoding =
            negotiation::content_type(&inbound.headers).map_err(status::unsupported_media_type)?;
        DeleteOptions::from_body(&read(&body, encoding)?)
    };
    let problems = options.problems();
    if problems.is_empty() {
        Ok(options)
    } else {
        Err(status::invalid_options("DeleteOptions", problems))
    }
}

/// Any group's `DeleteOptions` will do.
fn read(body: &bytes::Bytes, encoding: negotiation::Encoding) -> Result<Value, Status> {
    let shape = crate::shapes::meta("DeleteOptions");
    let failed = |text: String| status::bad_request(&text);
    match encoding {
        negotiation::Encoding::Protobuf => {
            let wrapped =
                styr_schema::envelope::unwrap(body).map_err(|it| failed(it.to_string()))?;
            shape
                .decode_protobuf(wrapped.raw)
                .map_err(|it| failed(it.to_string()))
        }
        negotiation::Encoding::Json => shape
            .decode_json(body, Strictness::Ignore)
            .map(|it| it.value)
            .map_err(|it| failed(it.to_string())),
        negotiation::Encoding::Yaml => shape
            .decode_yaml(body, Strictness::Ignore)
            .map(|it| it.value)
            .map_err(|it| failed(it.to_string())),
    }
}
