//! Acting as somebody else, for those who may.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderMap;
use styr_meta::Status;

use crate::attributes::{Attributes, Decision, User};
use crate::query::decode_bytes;
use crate::request::RequestInfo;
use crate::server::State;
use crate::status;

const EXTRA_PREFIX: &str = "impersonate-extra-";

/// The user that the headers ask for, once each part of it is allowed.
pub(crate) async fn assumed(
    state: &State,
    user: &Arc<User>,
    headers: &HeaderMap,
) -> Result<Option<User>, Status> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|it| it.to_str().ok())
            .unwrap_or("")
    };
    let name = text("impersonate-user");
    let groups: Vec<String> = headers
        .get_all("impersonate-group")
        .iter()
        .filter_map(|it| it.to_str().ok().map(str::to_owned))
        .collect();
    let extra = extra(headers);
    let uid = text("impersonate-uid");
    if name.is_empty() {
        if groups.is_empty() && extra.is_empty() && uid.is_empty() {
            return Ok(None);
        }
        return Err(status::bad_request(
            "requested impersonation without impersonating a user name",
        ));
    }
    let account = name
        .strip_prefix("system:serviceaccount:")
        .and_then(|it| it.split_once(':'));
    match account {
        Some((namespace, account)) => {
            check(
                state,
                user,
                ("", "serviceaccounts", ""),
                (namespace, account),
            )
            .await?;
        }
        None => check(state, user, ("", "users", ""), ("", name)).await?,
    }
    for group in &groups {
        check(state, user, ("", "groups", ""), ("", group)).await?;
    }
    let group = "authentication.k8s.io";
    for (key, values) in &extra {
        for value in values {
            check(state, user, (group, "userextras", key), ("", value)).await?;
        }
    }
    if !uid.is_empty() {
        check(state, user, (group, "uids", ""), ("", uid)).await?;
    }
    let groups = completed(groups, name, account);
    Ok(Some(User {
        name: name.to_owned(),
        uid: uid.to_owned(),
        groups,
        extra,
    }))
}

/// A service account is in its groups even if the headers do not say so.
fn completed(mut groups: Vec<String>, name: &str, account: Option<(&str, &str)>) -> Vec<String> {
    if let Some((namespace, _)) = account
        && groups.is_empty()
    {
        groups.push("system:serviceaccounts".to_owned());
        groups.push(format!("system:serviceaccounts:{namespace}"));
    }
    let (all, none) = ("system:authenticated", "system:unauthenticated");
    let own = if name == "system:anonymous" {
        none
    } else {
        all
    };
    if !groups.iter().any(|it| it == all || it == none) {
        groups.push(own.to_owned());
    }
    groups
}

fn extra(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        let Some(key) = name.as_str().strip_prefix(EXTRA_PREFIX) else {
            continue;
        };
        let Ok(value) = value.to_str() else { continue };
        extra
            .entry(decode_bytes(key))
            .or_default()
            .push(value.to_owned());
    }
    extra
}

async fn check(
    state: &State,
    user: &Arc<User>,
    (group, resource, subresource): (&str, &str, &str),
    (namespace, name): (&str, &str),
) -> Result<(), Status> {
    let info = RequestInfo {
        verb: "impersonate".to_owned(),
        is_resource: true,
        group: group.to_owned(),
        version: if group.is_empty() {
            String::new()
        } else {
            "v1".to_owned()
        },
        namespace: namespace.to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        name: name.to_owned(),
        ..RequestInfo::default()
    };
    let query = crate::query::Query::default();
    let attributes: Attributes = crate::chain::attributes(user, &info, &query);
    match state.authorize(&attributes).await {
        Decision::Allow(_) => Ok(()),
        Decision::Deny(reason) | Decision::NoOpinion(reason) => {
            Err(status::forbidden(&user.name, &info, &reason))
        }
    }
}
