//! What the server serves, told in all forms that clients ask for.
//!
//! All documents follow from the table of kinds; they are made once, on first use.

mod aggregated;

use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use styr_api::Kind;
use styr_meta::Status;

use crate::body::{Body, Response};
use crate::config::Config;
use crate::inbound::Inbound;
use crate::negotiation::{Form, Offer};
use crate::registry::api_version;
use crate::{chain, response, shapes, status};

/// The order of groups in `/apis`, which is that of upstream's priorities.
pub(crate) fn groups(kinds: &[std::sync::Arc<Kind>]) -> Vec<(String, Vec<String>)> {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for kind in kinds.iter().filter(|kind| !kind.group.is_empty()) {
        match groups.iter_mut().find(|(group, _)| *group == kind.group) {
            Some((_, versions)) if !versions.contains(&kind.version) => {
                versions.push(kind.version.clone());
            }
            Some(_) => {}
            None => groups.push((kind.group.clone(), vec![kind.version.clone()])),
        }
    }
    groups
}

/// Documents that are made on first use.
#[derive(Debug, Default)]
pub struct Discovery {
    aggregated_api: OnceLock<aggregated::Document>,
    aggregated_apis: OnceLock<aggregated::Document>,
}

/// Answers `/api...` and `/apis...` paths that name no resource; `None` for other paths.
pub(crate) fn answer(inbound: &Inbound) -> Option<Result<Response, Status>> {
    let segments: Vec<&str> = inbound.info.path.trim_matches('/').split('/').collect();
    let kinds = styr_api::table();
    let answer = match segments.as_slice() {
        ["api"] | ["apis"] => {
            if let Some(form) = aggregated::asked_for(&inbound.headers) {
                return Some(Ok(aggregated_answer(inbound, segments[0] == "apis", form)));
            }
            let value = if segments[0] == "api" {
                core_versions(&inbound.state.config)
            } else {
                group_list(&groups(kinds))
            };
            document(inbound, &value)
        }
        ["api", version] if *version == "v1" => document(inbound, &resources(kinds, "", version)),
        ["apis", group] => match groups(kinds).iter().find(|(it, _)| it == group) {
            Some((group, versions)) => {
                let mut value = group_value(group, versions);
                value["kind"] = "APIGroup".into();
                value["apiVersion"] = "v1".into();
                document(inbound, &value)
            }
            None => Ok(chain::nowhere()),
        },
        ["apis", group, version]
            if kinds
                .iter()
                .any(|it| it.group == *group && it.version == *version) =>
        {
            document(inbound, &resources(kinds, group, version))
        }
        ["api" | "apis", ..] => Err(status::no_such_path()),
        _ => return None,
    };
    Some(answer)
}

fn document(inbound: &Inbound, value: &Value) -> Result<Response, Status> {
    let form: Form = inbound.form(Offer::Documents)?;
    let kind = value["kind"].as_str().unwrap_or("");
    Ok(response::document(
        &shapes::meta(kind),
        value,
        form,
        StatusCode::OK,
    ))
}

fn aggregated_answer(inbound: &Inbound, of_groups: bool, form: aggregated::Form) -> Response {
    let discovery = &inbound.state.discovery;
    let kinds = styr_api::table();
    let document = if of_groups {
        discovery
            .aggregated_apis
            .get_or_init(|| aggregated::Document::of_groups(kinds))
    } else {
        discovery
            .aggregated_api
            .get_or_init(|| aggregated::Document::of_core(kinds))
    };
    let etag = HeaderValue::from_str(&document.etag).expect("quoted hex digits");
    let known = inbound.headers.get(http::header::IF_NONE_MATCH);
    let mut answer = if known == Some(&etag) {
        response::with_body(StatusCode::NOT_MODIFIED, Body::empty())
    } else {
        let (media, bytes): (&str, Bytes) = document.form(form);
        let mut answer = response::with_body(StatusCode::OK, Body::full(bytes));
        let media = HeaderValue::from_str(media).expect("a constant");
        answer
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, media);
        answer
    };
    answer.headers_mut().insert(http::header::ETAG, etag);
    let public = HeaderValue::from_static("public");
    answer
        .headers_mut()
        .insert(http::header::CACHE_CONTROL, public);
    answer
        .headers_mut()
        .insert(http::header::VARY, HeaderValue::from_static("Accept"));
    answer
}

fn core_versions(config: &Config) -> Value {
    let address = config.public_address().to_string();
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": address }],
    })
}

fn group_value(group: &str, versions: &[String]) -> Value {
    let version = |version: &String| {
        json!({
            "groupVersion": format!("{group}/{version}"),
            "version": version,
        })
    };
    json!({
        "name": group,
        "versions": versions.iter().map(version).collect::<Vec<_>>(),
        "preferredVersion": version(&versions[0]),
    })
}

fn group_list(groups: &[(String, Vec<String>)]) -> Value {
    let groups: Vec<Value> = groups
        .iter()
        .map(|(group, versions)| group_value(group, versions))
        .collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

fn resources(kinds: &[std::sync::Arc<Kind>], group: &str, version: &str) -> Value {
    let mut list = Vec::new();
    for kind in kinds
        .iter()
        .filter(|kind| kind.group == group && kind.version == version)
    {
        list.push(resource(kind));
        for subresource in &kind.subresources {
            let mut value = json!({
                "name": format!("{}/{}", kind.plural, subresource.name),
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": subresource.kind,
                "verbs": subresource.verbs,
            });
            if subresource.group_version != api_version(kind) {
                let (group, version) = subresource
                    .group_version
                    .split_once('/')
                    .unwrap_or(("", &subresource.group_version));
                value["group"] = group.into();
                value["version"] = version.into();
            }
            list.push(value);
        }
    }
    let group_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    let mut value = json!({
        "kind": "APIResourceList",
        "groupVersion": group_version,
        "resources": list,
    });
    if !group.is_empty() {
        value["apiVersion"] = "v1".into();
    }
    value
}

fn resource(kind: &Kind) -> Value {
    let mut value = json!({
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": kind.verbs,
    });
    if !kind.short_names.is_empty() {
        value["shortNames"] = kind.short_names.clone().into();
    }
    if !kind.categories.is_empty() {
        value["categories"] = kind.categories.clone().into();
    }
    if !kind.storage_version_hash.is_empty() {
        value["storageVersionHash"] = kind.storage_version_hash.clone().into();
    }
    value
}
