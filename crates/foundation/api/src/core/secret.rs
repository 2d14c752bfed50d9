//! Secret: <https://kubernetes.io/docs/concepts/configuration/secret/>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use styr_meta::field::Path;
use styr_meta::{FieldError, names, object};

use super::config_map::{SIZE_MAX, decoded_len, entries, immutable};
use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct Secret;

/// Types that need certain keys.
const REQUIRED: &[(&str, &[&str])] = &[
    ("kubernetes.io/dockercfg", &[".dockercfg"]),
    ("kubernetes.io/dockerconfigjson", &[".dockerconfigjson"]),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"]),
    ("kubernetes.io/tls", &["tls.crt", "tls.key"]),
];

impl Rules for Secret {
    /// Texts become data: what is written in plain words wins.
    fn default(&self, object: &mut Value) {
        let Some(Value::Object(texts)) = object.get("stringData").cloned() else {
            return;
        };
        tree::remove(object, "stringData");
        if texts.is_empty() {
            return;
        }
        if !object["data"].is_object() {
            object["data"] = Value::Object(Map::new());
        }
        for (key, text) in texts {
            object["data"][key] = STANDARD.encode(text.as_str().unwrap_or_default()).into();
        }
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let path = Path::root("data");
        let mut size = 0;
        for (key, value) in entries(object, "data") {
            for text in names::config_map_key(key) {
                errors.push(FieldError::invalid(path.key(key), key.as_str(), text));
            }
            size += decoded_len(value);
        }
        if size > SIZE_MAX {
            errors.push(FieldError::too_long(&path, SIZE_MAX));
        }
        errors.extend(of_type(object, &path));
        errors
    }

    fn validate_update(&self, object: &Value, old: &Value, cx: &Context) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let kind = tree::text(object, "type");
        if kind != tree::text(old, "type") {
            errors.push(FieldError::invalid("type", kind, "field is immutable"));
        }
        errors.extend(immutable(object, old, &["data"]));
        errors.extend(self.validate(object, cx));
        errors
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &Context) {
        if tree::text(object, "type").is_empty() {
            tree::copy(object, old, "type");
        }
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        (column == "Data").then(|| json!(entries(object, "data").count()))
    }
}

fn of_type(secret: &Value, path: &Path) -> Vec<FieldError> {
    let kind = tree::text(secret, "type");
    let has = |key: &str| secret["data"].get(key).is_some();
    let mut errors = Vec::new();
    for key in REQUIRED
        .iter()
        .filter(|(name, _)| *name == kind)
        .flat_map(|(_, keys)| *keys)
    {
        if !has(key) {
            errors.push(FieldError::required(path.key(key), ""));
        } else if key.starts_with(".docker") && !is_json(&secret["data"][*key]) {
            let text = "<secret contents redacted>";
            errors.push(FieldError::invalid(
                path.key(key),
                text,
                "invalid character",
            ));
        }
    }
    if kind == "kubernetes.io/basic-auth" && !has("username") && !has("password") {
        errors.push(FieldError::required(path.key("username"), ""));
        errors.push(FieldError::required(path.key("password"), ""));
    }
    if kind == "kubernetes.io/service-account-token" {
        let name = "kubernetes.io/service-account.name";
        if object::annotation(secret, name)
            .unwrap_or_default()
            .is_empty()
        {
            let path = Path::root("metadata").child("annotations").key(name);
            errors.push(FieldError::required(path, ""));
        }
    }
    errors
}

fn is_json(value: &Value) -> bool {
    let bytes = STANDARD
        .decode(value.as_str().unwrap_or_default())
        .unwrap_or_default();
    serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok()
}
