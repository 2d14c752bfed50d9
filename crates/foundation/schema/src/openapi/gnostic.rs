//! OpenAPI 2 as protobuf, the form that older clients ask for: `openapi.v2.Document` of gnostic.
//!
//! Holds what such clients read: paths with their operations and parameters, and the definitions.
//! Answers of operations are left out.

use serde_json::Value;

use crate::protobuf::wire;

/// The media type of what [`document`] writes.
pub const MEDIA_TYPE: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// Writes a document of version 2.
pub fn document(document: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    text(1, &document["swagger"], &mut out);
    wire::message(2, &mut out, |out| {
        text(1, &document["info"]["title"], out);
        text(2, &document["info"]["version"], out);
    });
    wire::message(8, &mut out, |out| {
        for (path, item) in members(&document["paths"]) {
            wire::message(2, out, |out| {
                wire::bytes(1, path.as_bytes(), out);
                wire::message(2, out, |out| path_item(item, out));
            });
        }
    });
    wire::message(9, &mut out, |out| {
        named_schemas(&document["definitions"], out);
    });
    out
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(field: u32, value: &Value, out: &mut Vec<u8>) {
    if let Some(text) = value.as_str() {
        wire::bytes(field, text.as_bytes(), out);
    }
}

fn texts(field: u32, value: &Value, out: &mut Vec<u8>) {
    for item in items(value) {
        text(field, item, out);
    }
}

fn flag(field: u32, value: &Value, out: &mut Vec<u8>) {
    if value == &Value::Bool(true) {
        wire::number(field, 1, out);
    }
}

/// Any value, as YAML (of which JSON is a part).
fn any(field: u32, value: &Value, out: &mut Vec<u8>) {
    let yaml = format!("{value}\n");
    wire::message(field, out, |out| wire::bytes(2, yaml.as_bytes(), out));
}

fn extensions(field: u32, value: &Value, out: &mut Vec<u8>) {
    for (name, value) in members(value).filter(|(name, _)| name.starts_with("x-")) {
        wire::message(field, out, |out| {
            wire::bytes(1, name.as_bytes(), out);
            any(2, value, out);
        });
    }
}

fn path_item(item: &Value, out: &mut Vec<u8>) {
    let methods = [
        (2, "get"),
        (3, "put"),
        (4, "post"),
        (5, "delete"),
        (8, "patch"),
    ];
    for (field, method) in methods {
        if !item[method].is_null() {
            wire::message(field, out, |out| operation(&item[method], out));
        }
    }
    parameters(9, &item["parameters"], out);
}

fn operation(operation: &Value, out: &mut Vec<u8>) {
    text(5, &operation["operationId"], out);
    texts(6, &operation["produces"], out);
    texts(7, &operation["consumes"], out);
    parameters(8, &operation["parameters"], out);
    extensions(13, operation, out);
}

fn parameters(field: u32, list: &Value, out: &mut Vec<u8>) {
    for parameter in items(list) {
        wire::message(field, out, |out| {
            wire::message(1, out, |out| one_parameter(parameter, out));
        });
    }
}

fn one_parameter(parameter: &Value, out: &mut Vec<u8>) {
    match parameter["in"].as_str() {
        Some("body") => wire::message(1, out, |out| {
            text(2, &parameter["name"], out);
            text(3, &parameter["in"], out);
            flag(4, &parameter["required"], out);
            wire::message(5, out, |out| schema(&parameter["schema"], out));
        }),
        place => {
            // A parameter of the query and one of the path have other numbers for the same.
            let (kind, type_field, unique) = if place == Some("path") {
                (4, 5, 19)
            } else {
                (3, 6, 20)
            };
            wire::message(2, out, |out| {
                wire::message(kind, out, |out| {
                    flag(1, &parameter["required"], out);
                    text(2, &parameter["in"], out);
                    text(4, &parameter["name"], out);
                    text(type_field, &parameter["type"], out);
                    flag(unique, &parameter["uniqueItems"], out);
                });
            });
        }
    }
}

fn named_schemas(schemas: &Value, out: &mut Vec<u8>) {
    for (name, value) in members(schemas) {
        wire::message(1, out, |out| {
            wire::bytes(1, name.as_bytes(), out);
            wire::message(2, out, |out| schema(value, out));
        });
    }
}

fn schema(value: &Value, out: &mut Vec<u8>) {
    text(1, &value["$ref"], out);
    text(2, &value["format"], out);
    text(4, &value["description"], out);
    if !value["default"].is_null() {
        any(5, &value["default"], out);
    }
    texts(19, &value["required"], out);
    for item in items(&value["enum"]) {
        any(20, item, out);
    }
    if value["additionalProperties"].is_object() {
        wire::message(21, out, |out| {
            wire::message(1, out, |out| schema(&value["additionalProperties"], out));
        });
    }
    if value["type"].is_string() {
        wire::message(22, out, |out| text(1, &value["type"], out));
    }
    if value["items"].is_object() {
        wire::message(23, out, |out| {
            wire::message(1, out, |out| schema(&value["items"], out));
        });
    }
    if value["properties"].is_object() {
        wire::message(25, out, |out| named_schemas(&value["properties"], out));
    }
    extensions(31, value, out);
}
