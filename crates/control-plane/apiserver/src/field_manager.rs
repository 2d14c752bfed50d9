//! The manager of a write: who comes to own the fields that it sets.
//!
//! Managed fields are worked out on objects in the version of the request, after defaults and
//! before admission, as upstream does: what the server itself fills in is owned by nobody.
//! See <https://kubernetes.io/docs/reference/using-api/server-side-apply/>.

use http::header::USER_AGENT;
use serde_json::Value;
use styr_api::Kind;
use styr_meta::{FieldError, Status};
use styr_schema::Shape;
use styr_schema::managed::{self, Context, FieldSet, Force, OneVersion, Versioned, Versions};

use crate::handlers::Scope;
use crate::inbound::Inbound;
use crate::registry::{api_version, timestamp};
use crate::{resources, status};

/// Bytes of a manager's name, as upstream limits it.
const NAME_MAX: usize = 128;

/// The manager of one request, and what the request is about.
#[derive(Debug)]
pub(crate) struct FieldManager<'a> {
    shape: &'a Shape,
    api_version: String,
    kind: &'a str,
    subresource: &'a str,
    reset: &'a FieldSet,
    /// Of what has more than one version.
    versions: Option<ServedVersions<'a>>,
    name: String,
    /// In whole seconds.
    now: String,
}

impl<'a> FieldManager<'a> {
    /// Of a request that writes objects of a resource.
    pub(crate) fn of(inbound: &'a Inbound, scope: &'a Scope) -> Self {
        Self {
            versions: Some(ServedVersions(scope)),
            ..Self::of_kind(inbound, &scope.kind)
        }
    }

    /// Of a request about a kind that is not stored.
    pub(crate) fn of_kind(inbound: &'a Inbound, kind: &'a Kind) -> Self {
        let gvk = (api_version(kind), kind.kind.as_str());
        let subresource = inbound.info.subresource.as_str();
        Self {
            reset: managed::reset_fields(&kind.group, &kind.kind, subresource),
            ..Self::of_shape(inbound, &kind.shape, gvk)
        }
    }

    /// Of a request that writes something else, which has one version.
    pub(crate) fn of_shape(
        inbound: &'a Inbound,
        shape: &'a Shape,
        (api_version, kind): (String, &'a str),
    ) -> Self {
        let given = inbound.query.text("fieldManager");
        let name = if given.is_empty() {
            program(inbound)
        } else {
            given.to_owned()
        };
        let now = inbound.state.clock.now();
        Self {
            shape,
            api_version,
            kind,
            subresource: &inbound.info.subresource,
            reset: managed::custom_reset_fields("-"),
            versions: None,
            name,
            now: timestamp(now),
        }
    }

    /// Gives the manager what a create, an update or a patch changes.
    pub(crate) fn update(&self, live: Option<&Value>, new: &mut Value) {
        managed::update(&self.context(), live, new, &self.name);
    }

    /// The object with a configuration applied, its defaults still to be filled in.
    pub(crate) fn apply(
        &self,
        live: Option<&Value>,
        configuration: &Value,
        force: Force,
    ) -> Result<Value, Status> {
        managed::apply(&self.context(), live, configuration, (&self.name, force))
            .map_err(|refused| refused.status())
    }

    fn context(&self) -> Context<'_> {
        let versions = self.versions.as_ref();
        Context {
            shape: self.shape,
            api_version: &self.api_version,
            kind: self.kind,
            subresource: self.subresource,
            reset: self.reset,
            now: &self.now,
            versions: versions.map_or(&OneVersion, |it| it),
        }
    }
}

/// The versions in which a resource is served.
#[derive(Debug)]
struct ServedVersions<'a>(&'a Scope);

impl Versions for ServedVersions<'_> {
    fn convert(&self, object: &Value, wanted: &str) -> Result<Option<Versioned>, String> {
        let from = &self.0.kind;
        let (group, version) = wanted.split_once('/').unwrap_or(("", wanted));
        // Events are the one resource that two groups have.
        if group != from.group && from.plural != "events" {
            return Ok(None);
        }
        let Some(to) = resources::kind(group, version, &from.plural) else {
            return Ok(None);
        };
        let mut value = object.clone();
        from.rules.to_storage(&mut value);
        to.rules.from_storage(&mut value);
        value["kind"] = to.kind.clone().into();
        value["apiVersion"] = wanted.into();
        let shape = to.shape.clone();
        Ok(Some(Versioned { shape, value }))
    }
}

/// What a client calls itself, up to its version.
fn program(inbound: &Inbound) -> String {
    let agent = inbound.headers.get(USER_AGENT);
    let agent = agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    program_of(&agent.unwrap_or_default())
}

fn program_of(agent: &str) -> String {
    let mut name = String::new();
    let letters = agent.split('/').next().unwrap_or_default().chars();
    for letter in letters.filter(|letter| !letter.is_control()) {
        if name.len() + letter.len_utf8() > NAME_MAX {
            break;
        }
        name.push(letter);
    }
    name
}

/// Whether the options of a write make sense.
pub(crate) fn check_options(inbound: &Inbound, is_apply: bool) -> Result<(), Status> {
    let mut problems = Vec::new();
    let name = inbound.query.text("fieldManager");
    let is_patch = inbound.method == http::Method::PATCH;
    if is_patch && !is_apply && inbound.query.get("force").is_some() {
        let why = "may not be specified for non-apply patch";
        problems.push(FieldError::forbidden("force", why));
    }
    if is_apply && name.is_empty() {
        let why = "is required for apply patch";
        problems.push(FieldError::required("fieldManager", why));
    }
    if name.len() > NAME_MAX {
        problems.push(FieldError::too_long("fieldManager", NAME_MAX));
    }
    for (at, letter) in name.char_indices().filter(|(_, it)| it.is_control()) {
        let why = format!(
            "invalid character U+{:04X} (at position {at})",
            u32::from(letter)
        );
        problems.push(FieldError::invalid("fieldManager", name, why));
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(status::invalid_options(inbound.options_kind(), problems))
}

/// Whether an apply takes what others own.
pub(crate) fn force(inbound: &Inbound) -> Force {
    match inbound.query.flag("force") {
        Some(true) => Force::Yes,
        _ => Force::No,
    }
}

#[cfg(test)]
mod tests {
    use super::program_of;

    #[test]
    fn a_manager_without_a_name_is_called_as_its_program() {
        assert_eq!(program_of("kubectl/v1.37.1 (linux/amd64)"), "kubectl");
        assert_eq!(program_of("a\u{7}b"), "ab");
        assert_eq!(program_of(""), "");
        assert_eq!(program_of(&"é".repeat(100)).len(), 128);
    }
}
