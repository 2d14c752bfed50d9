//! kubeconfig files: where the API server is, and who one is to it.
//!
//! See <https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/>.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::{KeyPair, PkiError};

/// One context of a kubeconfig, as one names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubeconfig {
    /// Name of context and cluster.
    pub name: String,
    /// Name of the user.
    pub user: String,
    /// `https://host:port`.
    pub server: String,
    /// The server's authority, PEM.
    pub authority_pem: String,
    /// How to prove who one is.
    pub credentials: Credentials,
}

/// How to prove who one is.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A certificate and its key, PEM, in the file itself.
    Certificate {
        /// PEM.
        certificate_pem: String,
        /// PEM.
        key_pem: String,
    },
    /// Files with certificate and key, which may change.
    CertificateFiles {
        /// PEM.
        certificate: PathBuf,
        /// PEM.
        key: PathBuf,
    },
    /// A bearer token.
    Token(String),
    /// A file with a bearer token, which may change.
    TokenFile(PathBuf),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Certificate { .. } => "Certificate",
            Self::CertificateFiles { .. } => "CertificateFiles",
            Self::Token(_) => "Token",
            Self::TokenFile(_) => "TokenFile",
        })
    }
}

impl From<KeyPair> for Credentials {
    fn from(pair: KeyPair) -> Self {
        let KeyPair {
            certificate_pem,
            key_pem,
        } = pair;
        Self::Certificate {
            certificate_pem,
            key_pem,
        }
    }
}

impl Kubeconfig {
    /// The file's text: JSON, which is YAML as well.
    pub fn to_text(&self) -> String {
        let text = serde_json::to_string_pretty(&self.to_value());
        let mut text = text.expect("a tree of strings can be written");
        text.push('\n');
        text
    }

    /// The file's content.
    pub fn to_value(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": self.name, "cluster": self.cluster()}],
            "contexts": [{
                "name": self.name,
                "context": {"cluster": self.name, "user": self.user},
            }],
            "current-context": self.name,
            "users": [{"name": self.user, "user": self.user_entry()}],
        })
    }

    fn cluster(&self) -> Value {
        json!({
            "certificate-authority-data": BASE64_STANDARD.encode(&self.authority_pem),
            "server": self.server,
        })
    }

    fn user_entry(&self) -> Value {
        match &self.credentials {
            Credentials::Certificate {
                certificate_pem,
                key_pem,
            } => json!({
                "client-certificate-data": BASE64_STANDARD.encode(certificate_pem),
                "client-key-data": BASE64_STANDARD.encode(key_pem),
            }),
            Credentials::CertificateFiles { certificate, key } => json!({
                "client-certificate": certificate,
                "client-key": key,
            }),
            Credentials::Token(token) => json!({"token": token}),
            Credentials::TokenFile(path) => json!({"tokenFile": path}),
        }
    }

    /// Reads the current context of a file.
    pub fn read(path: &Path) -> Result<Self, PkiError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| PkiError::File { path, source }
        };
        let text = std::fs::read_to_string(path).map_err(unusable(path))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder)
    }

    /// Reads the current context of a text; file names in it are relative to `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, PkiError> {
        let wrong = |reason: String| PkiError::malformed("kubeconfig", reason);
        let file: Value = serde_saphyr::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let current = file["current-context"].as_str().unwrap_or_default();
        let context = entry(&file["contexts"], current, "context")
            .ok_or_else(|| wrong(format!("context {current:?} is not in the file")))?;
        let cluster_name = context["cluster"].as_str().unwrap_or_default();
        let user_name = context["user"].as_str().unwrap_or_default();
        let cluster = entry(&file["clusters"], cluster_name, "cluster")
            .ok_or_else(|| wrong(format!("cluster {cluster_name:?} is not in the file")))?;
        let user = entry(&file["users"], user_name, "user")
            .ok_or_else(|| wrong(format!("user {user_name:?} is not in the file")))?;
        let server = cluster["server"].as_str().unwrap_or_default().to_owned();
        let source = Source { folder };
        Ok(Self {
            name: cluster_name.to_owned(),
            user: user_name.to_owned(),
            server,
            authority_pem: source
                .text(cluster, "certificate-authority")?
                .unwrap_or_default(),
            credentials: source.credentials(user)?,
        })
    }
}

fn entry<'a>(list: &'a Value, name: &str, field: &str) -> Option<&'a Value> {
    list.as_array()?
        .iter()
        .find(|entry| entry["name"] == name)
        .map(|entry| &entry[field])
}

struct Source<'a> {
    folder: &'a Path,
}

impl Source<'_> {
    /// What stands in `field-data`, or in the file that `field` names.
    fn text(&self, entry: &Value, field: &str) -> Result<Option<String>, PkiError> {
        let wrong = |reason: String| PkiError::malformed("kubeconfig", reason);
        if let Some(data) = entry[format!("{field}-data")]
            .as_str()
            .filter(|it| !it.is_empty())
        {
            let bytes = BASE64_STANDARD
                .decode(data)
                .map_err(|error| wrong(format!("{field}-data: {error}")))?;
            return String::from_utf8(bytes)
                .map(Some)
                .map_err(|error| wrong(error.to_string()));
        }
        let Some(name) = entry[field].as_str().filter(|it| !it.is_empty()) else {
            return Ok(None);
        };
        let path = self.folder.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(source) => Err(PkiError::File { path, source }),
        }
    }

    fn credentials(&self, user: &Value) -> Result<Credentials, PkiError> {
        let path = |field: &str| user[field].as_str().map(|name| self.folder.join(name));
        if let Some(token) = path("tokenFile") {
            return Ok(Credentials::TokenFile(token));
        }
        if let Some(token) = user["token"].as_str() {
            return Ok(Credentials::Token(token.to_owned()));
        }
        if let (Some(certificate), Some(key)) = (path("client-certificate"), path("client-key")) {
            return Ok(Credentials::CertificateFiles { certificate, key });
        }
        let pair = (
            self.text(user, "client-certificate")?,
            self.text(user, "client-key")?,
        );
        match pair {
            (Some(certificate_pem), Some(key_pem)) => Ok(Credentials::Certificate {
                certificate_pem,
                key_pem,
            }),
            _ => {
                let reason = "the user has neither token nor client certificate and key";
                Err(PkiError::malformed("kubeconfig", reason))
            }
        }
    }
}

#[cfg(test)]
mod tests;
