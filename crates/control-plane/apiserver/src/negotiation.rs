//! In which form a reader wants its answer, and in which form a body came.

use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};

use crate::query::Query;

pub(crate) const JSON: &str = "application/json";
pub(crate) const YAML: &str = "application/yaml";
pub(crate) const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// An encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Encoding {
    #[default]
    Json,
    Yaml,
    Protobuf,
}

/// A view of an object, asked for by `as=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum View {
    #[default]
    Whole,
    /// `meta.k8s.io` Table in v1 or v1beta1.
    Table(MetaVersion),
    /// `PartialObjectMetadata` or its list.
    Metadata(MetaVersion),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetaVersion {
    V1,
    V1Beta1,
}

impl MetaVersion {
    pub(crate) fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "meta.k8s.io/v1",
            Self::V1Beta1 => "meta.k8s.io/v1beta1",
        }
    }
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Form {
    pub encoding: Encoding,
    pub view: View,
    pub pretty: bool,
}

/// What an endpoint can answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// One object of a list, in all views.
    Objects,
    /// A stream of events: no YAML.
    Stream,
    /// Other documents (errors, discovery): no views.
    Documents,
}

/// None of what the reader accepts is offered; what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAcceptable {
    pub(crate) known: &'static [&'static str],
    /// Whether at least the media type of one clause is offered.
    pub(crate) knows_media: bool,
}

const OBJECTS: &[&str] = &[JSON, YAML, PROTOBUF];
const STREAMS: &[&str] = &[
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
];

/// Chooses the form of an answer by the `Accept` header.
pub(crate) fn accept(
    headers: &HeaderMap,
    query: &Query,
    offer: Offer,
) -> Result<Form, NotAcceptable> {
    let pretty = is_pretty(headers, query);
    let header = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|it| it.to_str().ok());
    let text = header.collect::<Vec<_>>().join(",");
    if text.trim().is_empty() {
        return Ok(Form {
            pretty,
            ..Form::default()
        });
    }
    let mut clauses: Vec<Clause<'_>> = text.split(',').filter_map(Clause::parse).collect();
    clauses.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    for clause in &clauses {
        let Some(encoding) = clause.encoding(offer) else {
            continue;
        };
        let Some(view) = clause.view(offer) else {
            continue;
        };
        // Upstream's tables have no protobuf form.
        if encoding == Encoding::Protobuf && matches!(view, View::Table(_)) {
            continue;
        }
        let pretty = clause.parameter("pretty").map_or(pretty, |it| it == "1");
        return Ok(Form {
            encoding,
            view,
            pretty: pretty && encoding == Encoding::Json,
        });
    }
    let knows_media = clauses
        .iter()
        .any(|it| it.encoding(Offer::Objects).is_some());
    let known = if offer == Offer::Stream {
        STREAMS
    } else {
        OBJECTS
    };
    Err(NotAcceptable { known, knows_media })
}

/// The encoding of a body; `Err` lists what is understood. A body without a type is JSON.
pub(crate) fn content_type(headers: &HeaderMap) -> Result<Encoding, &'static [&'static str]> {
    let text = headers
        .get(CONTENT_TYPE)
        .and_then(|it| it.to_str().ok())
        .unwrap_or("");
    let media = text.split(';').next().unwrap_or("").trim();
    match media {
        "" | JSON => Ok(Encoding::Json),
        YAML => Ok(Encoding::Yaml),
        PROTOBUF => Ok(Encoding::Protobuf),
        _ => Err(OBJECTS),
    }
}

fn is_pretty(headers: &HeaderMap, query: &Query) -> bool {
    if let Some(pretty) = query.get("pretty").filter(|it| !it.is_empty()) {
        return matches!(pretty, "1" | "t" | "T" | "true" | "TRUE" | "True");
    }
    let agent = headers
        .get(USER_AGENT)
        .and_then(|it| it.to_str().ok())
        .unwrap_or("");
    ["curl", "Wget", "Mozilla/5.0"]
        .iter()
        .any(|known| agent.starts_with(known))
}

/// One clause of an `Accept` header.
struct Clause<'a> {
    media: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: f32,
}

impl<'a> Clause<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().filter(|media| !media.is_empty())?;
        let mut quality = 1.0;
        let mut parameters = Vec::new();
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name {
                "q" => quality = value.parse().unwrap_or(1.0),
                _ => parameters.push((name, value.trim_matches('"'))),
            }
        }
        Some(Self {
            media,
            parameters,
            quality,
        })
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters
            .iter()
            .find(|(it, _)| *it == name)
            .map(|(_, value)| *value)
    }

    fn encoding(&self, offer: Offer) -> Option<Encoding> {
        match self.media {
            JSON | "*/*" | "application/*" => Some(Encoding::Json),
            YAML if offer != Offer::Stream => Some(Encoding::Yaml),
            PROTOBUF => Some(Encoding::Protobuf),
            _ => None,
        }
    }

    fn view(&self, offer: Offer) -> Option<View> {
        let kind = self.parameter("as").unwrap_or("");
        if kind.is_empty() {
            return Some(View::Whole);
        }
        if offer == Offer::Documents || self.parameter("g") != Some("meta.k8s.io") {
            return None;
        }
        let version = match self.parameter("v")? {
            "v1" => MetaVersion::V1,
            "v1beta1" => MetaVersion::V1Beta1,
            _ => return None,
        };
        match kind {
            "Table" => Some(View::Table(version)),
            "PartialObjectMetadata" | "PartialObjectMetadataList" => Some(View::Metadata(version)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
