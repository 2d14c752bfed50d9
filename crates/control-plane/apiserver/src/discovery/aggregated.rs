//! Aggregated discovery: everything in one document, with an entity tag.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::header::ACCEPT;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use styr_api::Kind;
use styr_schema::envelope;

use crate::registry::api_version;
use crate::shapes;

/// The encoding that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Protobuf,
}

const JSON: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const PROTOBUF: &str =
    "application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// One document in both encodings.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) etag: String,
    json: Bytes,
    protobuf: Bytes,
}

/// Whether the reader would rather have the aggregated document.
pub(super) fn asked_for(headers: &HeaderMap) -> Option<Form> {
    let accepted = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|it| it.to_str().ok());
    for clause in accepted.flat_map(|it| it.split(',')) {
        let parts: Vec<&str> = clause.split(';').map(str::trim).collect();
        let is_aggregated = parts.contains(&"as=APIGroupDiscoveryList")
            && parts.contains(&"g=apidiscovery.k8s.io")
            && parts.contains(&"v=v2");
        match parts[0] {
            "application/json" if is_aggregated => return Some(Form::Json),
            "application/vnd.kubernetes.protobuf" if is_aggregated => return Some(Form::Protobuf),
            // Whoever names a plain form first wants that.
            "application/json" | "application/vnd.kubernetes.protobuf" if parts.len() == 1 => {
                return None;
            }
            _ => {}
        }
    }
    None
}

impl Document {
    pub(super) fn of_core(kinds: &[Arc<Kind>]) -> Self {
        Self::new(&[group(kinds, "", &["v1".to_owned()])])
    }

    pub(super) fn of_groups(kinds: &[Arc<Kind>]) -> Self {
        let groups: Vec<Value> = super::groups(kinds)
            .iter()
            .map(|(name, versions)| group(kinds, name, versions))
            .collect();
        Self::new(&groups)
    }

    fn new(groups: &[Value]) -> Self {
        let value = json!({
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": groups,
        });
        let shape = shapes::builtin("io.k8s.api.apidiscovery.v2.APIGroupDiscoveryList");
        let mut json = Vec::new();
        shape.encode_json(&value, &mut json);
        json.push(b'\n');
        let mut message = Vec::new();
        shape.encode_protobuf(&value, &mut message);
        let mut protobuf = Vec::new();
        envelope::wrap(
            "apidiscovery.k8s.io/v2",
            "APIGroupDiscoveryList",
            &message,
            &mut protobuf,
        );
        let hash: String = Sha256::digest(&json)
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        Self {
            etag: format!("\"{hash}\""),
            json: json.into(),
            protobuf: protobuf.into(),
        }
    }

    pub(super) fn form(&self, form: Form) -> (&'static str, Bytes) {
        match form {
            Form::Json => (JSON, self.json.clone()),
            Form::Protobuf => (PROTOBUF, self.protobuf.clone()),
        }
    }
}

fn group(kinds: &[Arc<Kind>], name: &str, versions: &[String]) -> Value {
    let metadata = if name.is_empty() {
        json!({})
    } else {
        json!({ "name": name })
    };
    let version = |version: &String| {
        let resources: Vec<Value> = kinds
            .iter()
            .filter(|kind| kind.group == name && kind.version == *version)
            .map(|kind| resource(kind))
            .collect();
        json!({ "version": version, "resources": resources, "freshness": "Current" })
    };
    json!({ "metadata": metadata, "versions": versions.iter().map(version).collect::<Vec<_>>() })
}

fn resource(kind: &Kind) -> Value {
    let mut value = json!({
        "resource": kind.plural,
        "responseKind": { "group": "", "version": "", "kind": kind.kind },
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": kind.verbs,
    });
    if !kind.short_names.is_empty() {
        value["shortNames"] = kind.short_names.clone().into();
    }
    if !kind.categories.is_empty() {
        value["categories"] = kind.categories.clone().into();
    }
    let subresources: Vec<Value> = kind
        .subresources
        .iter()
        .map(|it| {
            let (group, version) = if it.group_version == api_version(kind) {
                ("", "")
            } else {
                it.group_version
                    .split_once('/')
                    .unwrap_or(("", &it.group_version))
            };
            json!({
                "subresource": it.name,
                "responseKind": { "group": group, "version": version, "kind": it.kind },
                "verbs": it.verbs,
            })
        })
        .collect();
    if !subresources.is_empty() {
        value["subresources"] = subresources.into();
    }
    value
}
