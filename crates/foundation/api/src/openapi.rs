//! The OpenAPI documents of the built-in kinds: one of version 2 for all, one of version 3 for each
//! group and version.
//!
//! They serve clients that check, explain and patch objects. There are no descriptions.

mod paths;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use styr_schema::Schema;
use styr_schema::openapi::{Version, collect};

use crate::kind::Kind;
use crate::table::table;

/// Types of `meta/v1` that every document has.
const META: &[&str] = &["APIResourceList", "DeleteOptions", "Status", "WatchEvent"];

/// The folders that have a document of version 3: `api/v1`, `apis/apps/v1` ...
pub fn v3_paths() -> Vec<String> {
    let mut paths: Vec<String> = table().iter().map(|kind| folder(kind)).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// The document of version 3 of a group and version.
pub fn v3(group: &str, version: &str) -> Option<Value> {
    let kinds: Vec<&Kind> = table()
        .iter()
        .map(AsRef::as_ref)
        .filter(|kind| kind.group == group && kind.version == version)
        .collect();
    if kinds.is_empty() {
        return None;
    }
    Some(json!({
        "openapi": "3.0.0",
        "info": info(),
        "paths": paths::of(&kinds, Version::V3),
        "components": {
            "schemas": definitions(&kinds, Version::V3),
            "securitySchemes": { "BearerToken": security() },
        },
    }))
}

/// The document of version 2.
pub fn v2() -> Value {
    let kinds: Vec<&Kind> = table().iter().map(AsRef::as_ref).collect();
    json!({
        "swagger": "2.0",
        "info": info(),
        "paths": paths::of(&kinds, Version::V2),
        "definitions": definitions(&kinds, Version::V2),
        "securityDefinitions": { "BearerToken": security() },
        "security": [{ "BearerToken": [] }],
    })
}

fn info() -> Value {
    json!({"title": "Kubernetes", "version": "v1.37.1"})
}

fn security() -> Value {
    json!({"type": "apiKey", "name": "authorization", "in": "header"})
}

/// Where a kind's group and version are served, without the leading slash.
fn folder(kind: &Kind) -> String {
    let root = if kind.group.is_empty() { "api" } else { "apis" };
    format!("{root}/{}", kind.api_version())
}

fn definitions(kinds: &[&Kind], version: Version) -> Value {
    let mut definitions = BTreeMap::new();
    for kind in kinds {
        collect(&kind.shape, version, &mut definitions);
        collect(&kind.list_shape, version, &mut definitions);
        for subresource in &kind.subresources {
            let shape = Schema::builtin().shape_of(&subresource.group_version, &subresource.kind);
            if let Some(shape) = shape {
                collect(&shape, version, &mut definitions);
            }
        }
    }
    for name in META {
        let name = format!("io.k8s.apimachinery.pkg.apis.meta.v1.{name}");
        if let Some(shape) = Schema::builtin().shape(&name) {
            collect(&shape, version, &mut definitions);
        }
    }
    definitions.insert(
        "io.k8s.apimachinery.pkg.apis.meta.v1.Patch".to_owned(),
        json!({"type": "object"}),
    );
    Value::Object(definitions.into_iter().collect::<Map<_, _>>())
}
