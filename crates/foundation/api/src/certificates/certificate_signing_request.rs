//! `CertificateSigningRequest`: <https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use styr_meta::FieldError;
use styr_meta::field::Path;

use crate::rules::{Context, Requester, Rules};
use crate::{cells, tree};

pub(crate) struct CertificateSigningRequest;

const SECONDS_MIN: i64 = 600;
const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

impl Rules for CertificateSigningRequest {
    fn set_requester(&self, object: &mut Value, requester: &Requester) {
        let spec = tree::object_mut(object, "spec");
        for field in ["username", "uid", "groups", "extra"] {
            tree::remove(spec, field);
        }
        spec["username"] = requester.name.as_str().into();
        if !requester.uid.is_empty() {
            spec["uid"] = requester.uid.as_str().into();
        }
        if !requester.groups.is_empty() {
            spec["groups"] = requester.groups.as_slice().into();
        }
        if !requester.extra.is_empty() {
            spec["extra"] = json!(requester.extra);
        }
    }

    fn prepare_update(&self, object: &mut Value, old: &Value, _cx: &Context) {
        tree::copy(object, old, "spec");
    }

    fn prepare_status_update(&self, object: &mut Value, old: &Value, cx: &Context) {
        // Whether it was approved is said through another path.
        let decided = |it: &Value| matches!(tree::text(it, "type"), "Approved" | "Denied");
        let sent = tree::items(object, "status.conditions");
        let mut conditions: Vec<Value> = sent.iter().filter(|it| !decided(it)).cloned().collect();
        let kept = tree::items(old, "status.conditions")
            .iter()
            .filter(|it| decided(it))
            .cloned();
        let mut all: Vec<Value> = kept.collect();
        all.append(&mut conditions);
        if !all.is_empty() {
            tree::object_mut(object, "status")["conditions"] = all.into();
        }
        stamp(object, old, cx);
    }

    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        let path = Path::root("spec");
        let mut errors = Vec::new();
        if tree::items(object, "spec.usages").is_empty() {
            errors.push(FieldError::required(path.child("usages"), ""));
        }
        if tree::text(object, "spec.request").is_empty() {
            errors.push(FieldError::required(path.child("request"), ""));
        } else if !is_request(tree::text(object, "spec.request")) {
            let value = tree::at(object, "spec.request").clone();
            let text = "PEM block type must be CERTIFICATE REQUEST";
            errors.push(FieldError::invalid(path.child("request"), value, text));
        }
        let usages = tree::items(object, "spec.usages")
            .iter()
            .filter_map(Value::as_str);
        for (index, usage) in usages
            .enumerate()
            .filter(|(_, usage)| !USAGES.contains(usage))
        {
            let at = path.child("usages").index(index);
            errors.push(FieldError::not_supported(at, usage, &USAGES));
        }
        let signer = tree::text(object, "spec.signerName");
        if signer.is_empty() {
            errors.push(FieldError::required(path.child("signerName"), ""));
        } else if signer.split('/').count() != 2 {
            let text =
                "must be a fully qualified domain and path of the form 'example.com/signer-name'";
            errors.push(FieldError::invalid(path.child("signerName"), signer, text));
        }
        if let Some(seconds) = tree::at(object, "spec.expirationSeconds").as_i64()
            && seconds < SECONDS_MIN
        {
            let text = "may not specify a duration less than 600 seconds (10 minutes)";
            errors.push(FieldError::invalid(
                path.child("expirationSeconds"),
                seconds,
                text,
            ));
        }
        errors
    }

    fn validate_update(&self, _object: &Value, _old: &Value, _cx: &Context) -> Vec<FieldError> {
        Vec::new()
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let cell = match column {
            "SignerName" => cells::or_none(tree::text(object, "spec.signerName")),
            "RequestedDuration" => match tree::at(object, "spec.expirationSeconds").as_i64() {
                Some(seconds) => json!(cells::human_duration(seconds)),
                None => json!("<none>"),
            },
            "Condition" => json!(condition(object)),
            _ => return None,
        };
        Some(cell)
    }
}

/// Whether bytes (in base 64) are a request in PEM.
fn is_request(encoded: &str) -> bool {
    let bytes = STANDARD.decode(encoded).unwrap_or_default();
    String::from_utf8_lossy(&bytes).contains("-----BEGIN CERTIFICATE REQUEST-----")
}

/// Conditions say when they came, and since when they are so.
fn stamp(object: &mut Value, old: &Value, cx: &Context) {
    let now = styr_meta::time::format(cx.now);
    for condition in tree::items_mut(object, "status.conditions") {
        tree::set_if_zero(condition, "lastUpdateTime", now.as_str());
        if tree::text(condition, "lastTransitionTime").is_empty() {
            let same = |it: &&Value| {
                ["type", "status"]
                    .iter()
                    .all(|field| tree::at(it, field) == tree::at(condition, field))
            };
            let before = tree::items(old, "status.conditions").iter().find(same);
            let since = before
                .map(|it| tree::text(it, "lastTransitionTime"))
                .filter(|it| !it.is_empty());
            condition["lastTransitionTime"] = since.unwrap_or(&now).into();
        }
    }
}

fn condition(object: &Value) -> String {
    let has = |kind: &str| {
        tree::items(object, "status.conditions")
            .iter()
            .any(|it| tree::text(it, "type") == kind)
    };
    let mut text = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    }
    .to_owned();
    if has("Failed") {
        text.push_str(",Failed");
    }
    if !tree::text(object, "status.certificate").is_empty() {
        text.push_str(",Issued");
    }
    text
}
