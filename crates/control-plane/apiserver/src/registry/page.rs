//! Tokens by which a list is continued, in upstream's form.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use styr_store::Revision;

const VERSION: &str = "meta.k8s.io/v1";

/// Continue at the present instead of the revision of the first page.
const PRESENT: Revision = -1;

#[derive(Debug, Serialize, Deserialize)]
struct Token {
    v: String,
    #[serde(default)]
    rv: Revision,
    #[serde(default)]
    start: String,
}

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continue {
    /// `None` = at the present.
    pub revision: Option<Revision>,
    /// The first key, relative to what is listed: the whole resource or one namespace.
    pub start: String,
}

impl Continue {
    /// Goes on behind `key`.
    pub fn behind(key: &str, revision: Revision) -> Self {
        Self {
            revision: Some(revision),
            start: format!("{key}\0"),
        }
    }

    pub fn encode(&self) -> String {
        let token = Token {
            v: VERSION.to_owned(),
            rv: self.revision.unwrap_or(PRESENT),
            start: self.start.clone(),
        };
        let json = serde_json::to_vec(&token).expect("plain text and numbers");
        URL_SAFE_NO_PAD.encode(json)
    }

    /// The error's text is upstream's.
    pub fn decode(token: &str) -> Result<Self, String> {
        let invalid = |reason: String| format!("continue key is not valid: {reason}");
        let json = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|error| invalid(error.to_string()))?;
        let token: Token =
            serde_json::from_slice(&json).map_err(|error| invalid(error.to_string()))?;
        if token.v != VERSION {
            return Err(invalid(format!(
                "server does not recognize this encoded version {}",
                token.v
            )));
        }
        if token.rv == 0 {
            return Err(invalid(format!(
                "incorrect encoded start resourceVersion (version {VERSION})"
            )));
        }
        if token.start.is_empty() {
            return Err(invalid(format!(
                "encoded start key empty (version {VERSION})"
            )));
        }
        let start = token.start.trim_start_matches('/');
        if start.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(invalid(token.start.clone()));
        }
        let revision = (token.rv != PRESENT).then_some(token.rv);
        Ok(Self {
            revision,
            start: start.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
