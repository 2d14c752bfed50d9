//! The paths of the resources, with what may be asked for at each.

use serde_json::{Map, Value, json};
use styr_schema::openapi::{Version, reference};
use styr_schema::{Schema, Shape};

use super::folder;
use crate::kind::Kind;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const PATCHES: &[&str] = &[
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];
const JSON: &str = "application/json";

pub(super) fn of(kinds: &[&Kind], version: Version) -> Value {
    let mut paths = Map::new();
    for kind in kinds {
        Resource { kind, version }.add(&mut paths);
    }
    Value::Object(paths)
}

/// One resource while its paths are written.
struct Resource<'a> {
    kind: &'a Kind,
    version: Version,
}

/// An operation: its method, what it is called, and whether it is about the whole collection.
struct Operation<'a> {
    verb: &'a str,
    method: &'a str,
    action: &'a str,
    shape: Shape,
    gvk: Value,
}

impl Resource<'_> {
    fn add(&self, paths: &mut Map<String, Value>) {
        let kind = self.kind;
        let root = format!("/{}", folder(kind));
        let base = if kind.namespaced {
            format!("{root}/namespaces/{{namespace}}/{}", kind.plural)
        } else {
            format!("{root}/{}", kind.plural)
        };
        let item = format!("{base}/{{name}}");
        let list = [
            ("list", "get", "list"),
            ("create", "post", "post"),
            ("deletecollection", "delete", "deletecollection"),
        ];
        let one = [
            ("get", "get", "get"),
            ("update", "put", "put"),
            ("patch", "patch", "patch"),
            ("delete", "delete", "delete"),
        ];
        let own = gvk(&kind.group, &kind.version, &kind.kind);
        self.path(paths, &base, &list, (&kind.verbs, &kind.shape, &own));
        self.path(paths, &item, &one, (&kind.verbs, &kind.shape, &own));
        if kind.namespaced {
            let all = format!("{root}/{}", kind.plural);
            self.path(paths, &all, &list[..1], (&kind.verbs, &kind.shape, &own));
        }
        let part = [
            ("get", "get", "get"),
            ("create", "post", "post"),
            ("update", "put", "put"),
            ("patch", "patch", "patch"),
            ("delete", "delete", "delete"),
        ];
        for sub in &kind.subresources {
            let path = format!("{item}/{}", sub.name);
            let shape = Schema::builtin().shape_of(&sub.group_version, &sub.kind);
            let shape = shape.unwrap_or_else(|| kind.shape.clone());
            let (group, version) = sub
                .group_version
                .split_once('/')
                .unwrap_or(("", &sub.group_version));
            let gvk = gvk(group, version, &sub.kind);
            self.path(paths, &path, &part, (&sub.verbs, &shape, &gvk));
        }
    }

    fn path(
        &self,
        paths: &mut Map<String, Value>,
        path: &str,
        operations: &[(&str, &str, &str)],
        (verbs, shape, gvk): (&[String], &Shape, &Value),
    ) {
        let mut methods = Map::new();
        for (verb, method, action) in operations {
            if verbs.iter().any(|it| it == verb) {
                let operation = Operation {
                    verb,
                    method,
                    action,
                    shape: shape.clone(),
                    gvk: gvk.clone(),
                };
                methods.insert((*method).to_owned(), self.operation(path, &operation));
            }
        }
        if methods.is_empty() {
            return;
        }
        let mut parameters = Vec::new();
        for name in ["name", "namespace"] {
            if path.contains(&format!("{{{name}}}")) {
                parameters.push(self.parameter(name, "path", "string"));
            }
        }
        parameters.push(self.parameter("pretty", "query", "string"));
        methods.insert("parameters".to_owned(), parameters.into());
        paths.insert(path.to_owned(), Value::Object(methods));
    }

    fn operation(&self, path: &str, operation: &Operation<'_>) -> Value {
        let mut parameters: Vec<Value> = parameters(operation.verb)
            .iter()
            .map(|(name, kind)| self.parameter(name, "query", kind))
            .collect();
        let words: String = path.chars().filter(char::is_ascii_alphanumeric).collect();
        let mut out = json!({
            "operationId": format!("{}{words}", operation.action),
            "x-kubernetes-action": operation.action,
            "x-kubernetes-group-version-kind": operation.gvk,
        });
        let answer = match operation.verb {
            "list" => self.kind.list_shape.clone(),
            "delete" | "deletecollection" => meta("Status"),
            _ => operation.shape.clone(),
        };
        let body = match operation.verb {
            "create" | "update" => Some(reference(&operation.shape, self.version)),
            "patch" => Some(match self.version {
                Version::V2 => json!({"$ref": format!("#/definitions/{META}.Patch")}),
                Version::V3 => json!({"$ref": format!("#/components/schemas/{META}.Patch")}),
            }),
            "delete" | "deletecollection" => Some(reference(&meta("DeleteOptions"), self.version)),
            _ => None,
        };
        let required = matches!(operation.method, "post" | "put" | "patch");
        let types: &[&str] = if operation.verb == "patch" {
            PATCHES
        } else {
            &[JSON]
        };
        if let Some(schema) = body {
            match self.version {
                Version::V2 => {
                    out["consumes"] = types.into();
                    parameters.push(json!({"name": "body", "in": "body", "required": required, "schema": schema}));
                }
                Version::V3 => {
                    let content: Map<String, Value> = types
                        .iter()
                        .map(|it| ((*it).to_owned(), json!({"schema": schema})))
                        .collect();
                    out["requestBody"] = json!({"required": required, "content": content});
                }
            }
        }
        let schema = reference(&answer, self.version);
        out["responses"] = match self.version {
            Version::V2 => json!({"200": {"description": "OK", "schema": schema}}),
            Version::V3 => {
                json!({"200": {"description": "OK", "content": {JSON: {"schema": schema}}}})
            }
        };
        if self.version == Version::V2 {
            out["produces"] = json!([JSON]);
        }
        out["parameters"] = parameters.into();
        out
    }

    fn parameter(&self, name: &str, place: &str, kind: &str) -> Value {
        let mut parameter = json!({"name": name, "in": place});
        if place == "path" {
            parameter["required"] = true.into();
        }
        match self.version {
            Version::V2 => {
                parameter["type"] = kind.into();
                parameter["uniqueItems"] = true.into();
            }
            Version::V3 => parameter["schema"] = json!({"type": kind, "uniqueItems": true}),
        }
        parameter
    }
}

/// The query parameters of an operation.
fn parameters(verb: &str) -> &'static [(&'static str, &'static str)] {
    match verb {
        "list" => &[
            ("allowWatchBookmarks", "boolean"),
            ("continue", "string"),
            ("fieldSelector", "string"),
            ("labelSelector", "string"),
            ("limit", "integer"),
            ("resourceVersion", "string"),
            ("resourceVersionMatch", "string"),
            ("sendInitialEvents", "boolean"),
            ("timeoutSeconds", "integer"),
            ("watch", "boolean"),
        ],
        "create" | "update" => &[
            ("dryRun", "string"),
            ("fieldManager", "string"),
            ("fieldValidation", "string"),
        ],
        "patch" => &[
            ("dryRun", "string"),
            ("fieldManager", "string"),
            ("fieldValidation", "string"),
            ("force", "boolean"),
        ],
        "delete" => &[
            ("dryRun", "string"),
            ("gracePeriodSeconds", "integer"),
            (
                "ignoreStoreReadErrorWithClusterBreakingPotential",
                "boolean",
            ),
            ("orphanDependents", "boolean"),
            ("propagationPolicy", "string"),
        ],
        _ => &[],
    }
}

fn gvk(group: &str, version: &str, kind: &str) -> Value {
    json!({"group": group, "version": version, "kind": kind})
}

fn meta(name: &str) -> Shape {
    let found = Schema::builtin().shape(&format!("{META}.{name}"));
    found.expect("the generated table has the types of meta/v1")
}
