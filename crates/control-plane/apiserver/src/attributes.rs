//! Who asks for what: the words that authentication, authorization, admission and handlers share.
//!
//! Plain data and the three traits of the chain. It decides nothing.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use styr_api::Kind;
use styr_meta::Status;

/// Whoever a request comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// Whether the user is in `group`.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|it| it == group)
    }

    /// The server itself, as it acts for its own duties (upstream's loopback client).
    pub fn loopback() -> Self {
        Self {
            name: "system:apiserver".to_owned(),
            groups: vec![
                "system:authenticated".to_owned(),
                "system:masters".to_owned(),
            ],
            ..Self::default()
        }
    }

    /// A user without credentials.
    pub fn anonymous() -> Self {
        Self {
            name: "system:anonymous".to_owned(),
            groups: vec!["system:unauthenticated".to_owned()],
            ..Self::default()
        }
    }
}

/// The certificates (DER, leaf first) that the peer of a TLS connection showed and proved.
/// The server puts it into the extensions of each request of that connection. They are verified
/// against the client CA only by the authenticator.
#[derive(Debug, Clone, Default)]
pub struct PeerCertificates(pub Arc<Vec<Vec<u8>>>);

/// The user of a request, in its extensions, once authenticated. A client in memory brings its own.
#[derive(Debug, Clone)]
pub struct Identity(pub Arc<User>);

/// In the extensions of a request that only asks whether a token is good for these audiences
/// (`TokenReview`); without it, a token must be meant for this server.
#[derive(Debug, Clone)]
pub struct RequestedAudiences(pub Vec<String>);

/// Why credentials were refused; the wire never tells.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AuthError(pub String);

/// Finds out who sent a request. `Ok(None)` = has no opinion, ask the next.
#[async_trait]
pub trait Authenticator: Send + Sync + Debug {
    async fn authenticate(&self, request: &http::request::Parts)
    -> Result<Option<User>, AuthError>;
}

/// What a request wants, as an authorizer judges it.
#[derive(Debug, Clone, Default)]
pub struct Attributes {
    pub user: Arc<User>,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, `proxy`, or
    /// the HTTP method in lower case for paths that are no resources.
    pub verb: String,
    pub namespace: String,
    pub group: String,
    pub version: String,
    pub resource: String,
    pub subresource: String,
    pub name: String,
    pub path: String,
    pub is_resource: bool,
    /// The raw `fieldSelector` and `labelSelector` of list, watch and deletecollection.
    pub field_selector: String,
    pub label_selector: String,
}

/// An authorizer's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Allow(String),
    Deny(String),
    NoOpinion(String),
}

/// What a user may do in a namespace, as `SelfSubjectRulesReview` tells.
#[derive(Debug, Clone, Default)]
pub struct RuleSummary {
    /// `ResourceRule` and `NonResourceRule` objects of `authorization.k8s.io/v1`.
    pub resource_rules: Vec<Value>,
    pub non_resource_rules: Vec<Value>,
    pub incomplete: bool,
    pub evaluation_error: String,
}

/// Judges requests.
#[async_trait]
pub trait Authorizer: Send + Sync + Debug {
    async fn authorize(&self, attributes: &Attributes) -> Decision;
    /// The rules of a user in a namespace.
    fn rules_for(&self, user: &User, namespace: &str) -> RuleSummary;
}

/// What admission sees a request do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

impl Operation {
    /// As upstream writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// A write on its way to the store. Admission may change `object` while admitting, never while validating.
#[derive(Debug)]
pub struct AdmissionAttributes<'a> {
    pub user: &'a User,
    pub operation: Operation,
    /// The resource of the path; for a subresource its parent.
    pub kind: &'a Arc<Kind>,
    pub subresource: &'a str,
    /// Empty for resources of the cluster.
    pub namespace: &'a str,
    /// Empty on a create with `generateName` (until the name is made).
    pub name: &'a str,
    /// The new object (create, update), or the options of a connect; `None` on delete.
    pub object: Option<&'a mut Value>,
    /// The object as it is (update, delete).
    pub old_object: Option<&'a Value>,
    pub dry_run: bool,
    /// `Warning` headers of the answer.
    pub warnings: &'a mut Vec<String>,
}

/// One admission plugin.
#[async_trait]
pub trait Admission: Send + Sync + Debug {
    fn handles(&self, operation: Operation) -> bool;
    async fn admit(&self, _attributes: &mut AdmissionAttributes<'_>) -> Result<(), Status> {
        Ok(())
    }
    async fn validate(&self, _attributes: &AdmissionAttributes<'_>) -> Result<(), Status> {
        Ok(())
    }
}
