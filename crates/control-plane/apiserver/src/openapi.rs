//! OpenAPI v2 and v3 of everything that is served. Documents are made on first use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use styr_meta::Status;
use styr_schema::openapi::gnostic;

use crate::body::{Body, Response};
use crate::inbound::Inbound;
use crate::negotiation::NotAcceptable;
use crate::{chain, gzip, response, status};

/// All documents.
#[derive(Debug, Default)]
pub struct OpenApi {
    v2: OnceLock<Document>,
    /// The same as protobuf, for clients of before version 1.29.
    v2_protobuf: OnceLock<Document>,
    v3: Mutex<BTreeMap<String, Arc<Document>>>,
}

#[derive(Debug)]
struct Document {
    bytes: Bytes,
    media: &'static str,
    /// Of the document, in hex digits.
    hash: String,
}

impl Document {
    fn new(value: &Value) -> Self {
        let json = serde_json::to_vec(value).expect("plain texts");
        Self::of(json, "application/json")
    }

    fn of(bytes: Vec<u8>, media: &'static str) -> Self {
        let hash = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        Self {
            bytes: bytes.into(),
            media,
            hash,
        }
    }

    fn answer(&self, inbound: &Inbound) -> Response {
        let etag = HeaderValue::from_str(&format!("\"{}\"", self.hash)).expect("hex digits");
        let mut answer = if inbound.headers.get(IF_NONE_MATCH) == Some(&etag) {
            response::with_body(StatusCode::NOT_MODIFIED, Body::empty())
        } else {
            let mut answer = response::json_bytes(StatusCode::OK, self.bytes.clone());
            let media = HeaderValue::from_static(self.media);
            answer.headers_mut().insert(CONTENT_TYPE, media);
            gzip::compress_large(answer, &inbound.headers)
        };
        answer.headers_mut().insert(ETAG, etag);
        answer
    }
}

impl OpenApi {
    pub(crate) fn answer(&self, inbound: &Inbound) -> Result<Response, Status> {
        let path = inbound.info.path.trim_end_matches('/');
        if path == "/openapi/v2" {
            return self.v2(inbound);
        }
        if !accepts_json(inbound) {
            return Err(status::not_acceptable(NotAcceptable {
                known: &["application/json"],
                knows_media: false,
            }));
        }
        if path == "/openapi/v3" {
            return Ok(self.index(inbound));
        }
        let group_version = path.strip_prefix("/openapi/v3/").unwrap_or("");
        match self.v3(group_version) {
            Some(document) => Ok(document.answer(inbound)),
            None => Ok(chain::nowhere()),
        }
    }

    fn v2(&self, inbound: &Inbound) -> Result<Response, Status> {
        if accepts(inbound, |media| media.starts_with(GNOSTIC)) {
            let document = self.v2_protobuf.get_or_init(|| {
                let bytes = gnostic::document(&styr_api::openapi::v2());
                Document::of(bytes, gnostic::MEDIA_TYPE)
            });
            return Ok(document.answer(inbound));
        }
        if !accepts_json(inbound) {
            return Err(status::not_acceptable(NotAcceptable {
                known: &["application/json"],
                knows_media: false,
            }));
        }
        let document = self
            .v2
            .get_or_init(|| Document::new(&styr_api::openapi::v2()));
        Ok(document.answer(inbound))
    }

    fn index(&self, inbound: &Inbound) -> Response {
        let mut paths = serde_json::Map::new();
        for group_version in styr_api::openapi::v3_paths() {
            let Some(document) = self.v3(&group_version) else {
                continue;
            };
            let url = format!("/openapi/v3/{group_version}?hash={}", document.hash);
            paths.insert(group_version, json!({ "serverRelativeURL": url }));
        }
        Document::new(&json!({ "paths": paths })).answer(inbound)
    }

    fn v3(&self, group_version: &str) -> Option<Arc<Document>> {
        if !styr_api::openapi::v3_paths()
            .iter()
            .any(|it| it == group_version)
        {
            return None;
        }
        let mut documents = self.v3.lock().expect("no holder of this lock panics");
        if let Some(known) = documents.get(group_version) {
            return Some(Arc::clone(known));
        }
        let (group, version) = match group_version.strip_prefix("api/") {
            Some(version) => ("", version),
            None => group_version.strip_prefix("apis/")?.split_once('/')?,
        };
        let value = styr_api::openapi::v3(group, version)?;
        let document = Arc::new(Document::new(&value));
        documents.insert(group_version.to_owned(), Arc::clone(&document));
        Some(document)
    }
}

/// The media type of the protobuf form, in both of its spellings.
const GNOSTIC: &str = "application/com.github.proto-openapi.spec.v2";

fn accepts_json(inbound: &Inbound) -> bool {
    let json = ["application/json", "*/*", "application/*"];
    !inbound.headers.contains_key(ACCEPT) || accepts(inbound, |media| json.contains(&media))
}

fn accepts(inbound: &Inbound, wanted: impl Fn(&str) -> bool) -> bool {
    let accepted = inbound.headers.get(ACCEPT).and_then(|it| it.to_str().ok());
    accepted
        .unwrap_or("")
        .split(',')
        .any(|clause| wanted(clause.split(';').next().unwrap_or("").trim()))
}
