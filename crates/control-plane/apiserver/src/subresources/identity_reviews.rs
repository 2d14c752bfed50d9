//! Who am I (`SelfSubjectReview`), and whose token is this (`TokenReview`).

use std::sync::Arc;

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Value, json};
use styr_api::Kind;
use styr_meta::Status;

use crate::attributes::User;
use crate::body::Response;
use crate::field_manager::FieldManager;
use crate::inbound::Inbound;
use crate::negotiation::Offer;
use crate::response;

pub(super) async fn self_subject(
    mut inbound: Inbound,
    kind: Arc<Kind>,
) -> Result<Response, Status> {
    let form = inbound.form(Offer::Documents)?;
    let mut review = inbound.read_object(&kind).await?.object;
    FieldManager::of_kind(&inbound, &kind).update(None, &mut review);
    let now = crate::registry::timestamp(inbound.state.clock.now());
    review["metadata"]["creationTimestamp"] = now.into();
    review["status"] = json!({ "userInfo": user_info(&inbound.user) });
    Ok(response::document(
        &kind.shape,
        &review,
        form,
        StatusCode::CREATED,
    ))
}

pub(super) async fn token(mut inbound: Inbound, kind: Arc<Kind>) -> Result<Response, Status> {
    let form = inbound.form(Offer::Documents)?;
    let mut review = inbound.read_object(&kind).await?.object;
    FieldManager::of_kind(&inbound, &kind).update(None, &mut review);
    let token = review["spec"]["token"].as_str().unwrap_or("").to_owned();
    if token.is_empty() {
        return Err(Status::bad_request(
            "token is required for TokenReview in authentication",
        ));
    }
    let asked: Vec<String> = review["spec"]["audiences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| it.as_str().map(str::to_owned))
        .collect();
    review["status"] = match authenticate(&inbound, &token, &asked).await {
        Ok(Some(user)) => {
            let audiences = inbound.state.tokens.common_audiences(&token, &asked);
            json!({ "authenticated": true, "user": user_info(&user), "audiences": audiences })
        }
        Ok(None) => json!({
            "authenticated": false,
            "user": {},
            "error": "invalid bearer token",
        }),
        Err(error) => {
            let error = format!("[invalid bearer token, {error}]");
            json!({ "authenticated": false, "user": {}, "error": error })
        }
    };
    Ok(response::document(
        &kind.shape,
        &review,
        form,
        StatusCode::CREATED,
    ))
}

/// Asks the same authenticators that judge requests, with nothing but the token.
async fn authenticate(
    inbound: &Inbound,
    token: &str,
    audiences: &[String],
) -> Result<Option<User>, String> {
    let value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| "the token is no header value".to_owned())?;
    let mut request = http::Request::new(());
    request.headers_mut().insert(AUTHORIZATION, value);
    if !audiences.is_empty() {
        let wanted = crate::attributes::RequestedAudiences(audiences.to_vec());
        request.extensions_mut().insert(wanted);
    }
    let (parts, ()) = request.into_parts();
    let mut refused = None;
    for authenticator in &inbound.state.authenticators {
        match authenticator.authenticate(&parts).await {
            Ok(Some(user)) if user.name == "system:anonymous" => {}
            Ok(Some(mut user)) => {
                let all = "system:authenticated";
                if !user.is_in(all) {
                    user.groups.push(all.to_owned());
                }
                return Ok(Some(user));
            }
            Ok(None) => {}
            Err(error) => refused = Some(error.to_string()),
        }
    }
    refused.map_or(Ok(None), Err)
}

fn user_info(user: &User) -> Value {
    let mut info = json!({ "username": user.name });
    if !user.uid.is_empty() {
        info["uid"] = user.uid.clone().into();
    }
    if !user.groups.is_empty() {
        info["groups"] = user.groups.clone().into();
    }
    if !user.extra.is_empty() {
        info["extra"] = json!(user.extra);
    }
    info
}
