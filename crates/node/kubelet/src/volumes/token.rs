//! Tokens of service accounts, bound to their pod, renewed when four fifths of their life is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, ServiceAccountTokenProjection};
use serde_json::{Value, json};

use super::atomic::{Content, Payload};
use super::{Request, fs_group};
use crate::objects::said;
use crate::pod;

const DEFAULT_SECONDS: i64 = 3600;
/// A token is renewed after a day, however long it lives.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Pod uid, account, audience, life time.
type Id = (String, String, String, i64);

#[derive(Debug, Clone)]
struct Token {
    text: String,
    renew_at: Timestamp,
}

/// The tokens that were issued. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tokens {
    known: Arc<Mutex<HashMap<Id, Token>>>,
}

impl Tokens {
    /// When the first token of a pod is to be renewed.
    pub(crate) fn renew_at(&self, uid: &str) -> Option<Timestamp> {
        let known = self.known.lock().expect("no holder of this lock panics");
        known
            .iter()
            .filter(|(id, _)| id.0 == uid)
            .map(|(_, token)| token.renew_at)
            .min()
    }

    pub(crate) fn forget(&self, uid: &str) {
        self.known
            .lock()
            .expect("no holder of this lock panics")
            .retain(|id, _| id.0 != uid);
    }

    fn get(&self, id: &Id, now: Timestamp) -> Option<String> {
        let known = self.known.lock().expect("no holder of this lock panics");
        known
            .get(id)
            .filter(|token| now < token.renew_at)
            .map(|token| token.text.clone())
    }

    fn put(&self, id: Id, token: Token) {
        self.known
            .lock()
            .expect("no holder of this lock panics")
            .insert(id, token);
    }
}

pub(super) async fn payload(
    request: &Request<'_>,
    source: &ServiceAccountTokenProjection,
    default_mode: i32,
) -> Result<Payload, String> {
    let account = pod::spec(request.pod)
        .service_account_name
        .clone()
        .unwrap_or_default();
    let account = if account.is_empty() {
        "default".to_owned()
    } else {
        account
    };
    let audience = source.audience.clone().unwrap_or_default();
    let seconds = source.expiration_seconds.unwrap_or(DEFAULT_SECONDS);
    let id = (pod::uid(request.pod).to_owned(), account, audience, seconds);
    let text = match request.tokens.get(&id, request.now) {
        Some(text) => text,
        None => {
            let token = issue(request, &id).await?;
            let text = token.text.clone();
            request.tokens.put(id, token);
            text
        }
    };
    let user = common_user(request.pod);
    let is_private = user.is_some() || fs_group(request.pod).is_some();
    let mode = if is_private {
        0o600
    } else {
        u32::try_from(default_mode).unwrap_or(0o644)
    };
    let content = Content {
        bytes: text.into_bytes(),
        mode,
        user,
    };
    Ok(Payload::from([(source.path.clone(), content)]))
}

async fn issue(request: &Request<'_>, id: &Id) -> Result<Token, String> {
    let (uid, account, audience, seconds) = id;
    let failed = |text: &str| format!("failed to fetch token: {text}");
    let client = request.objects.client();
    let client = client.ok_or_else(|| failed("there is no API server"))?;
    let namespace = pod::namespace(request.pod);
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
    let audiences: Vec<&String> = Some(audience)
        .into_iter()
        .filter(|a| !a.is_empty())
        .collect();
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {
            "audiences": audiences,
            "expirationSeconds": seconds,
            "boundObjectRef": {
                "apiVersion": "v1", "kind": "Pod", "name": pod::name(request.pod), "uid": uid,
            },
        },
    });
    let answer: Value = client
        .send(
            http::Method::POST,
            &path,
            Some(body.to_string().into_bytes()),
        )
        .await
        .map_err(|error| failed(&said(&error)))?;
    let text = answer["status"]["token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let expires = answer["status"]["expirationTimestamp"].as_str();
    let expires = expires.and_then(|text| text.parse::<Timestamp>().ok());
    let expires = expires.ok_or_else(|| failed("the answer names no time of expiration"))?;
    let life = expires.duration_since(request.now);
    let renew_after = (life * 4 / 5).min(AGE_MAX);
    Ok(Token {
        text,
        renew_at: request.now + renew_after,
    })
}

/// The user that all containers run as, if they agree on one.
fn common_user(pod: &Pod) -> Option<u32> {
    let of_pod = pod::spec(pod)
        .security_context
        .as_ref()
        .and_then(|context| context.run_as_user);
    let all = pod::init_containers(pod).iter().chain(pod::containers(pod));
    let mut users = all.map(|container| {
        let own = container
            .security_context
            .as_ref()
            .and_then(|context| context.run_as_user);
        own.or(of_pod)
    });
    let first = users.next()??;
    users
        .all(|user| user == Some(first))
        .then(|| u32::try_from(first).ok())?
}
