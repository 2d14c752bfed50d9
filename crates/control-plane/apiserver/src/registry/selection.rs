//! Label and field selectors, over what an entry has extracted.

use styr_api::Kind;
use styr_meta::Status;
use styr_meta::{fields, labels};

use super::entry::Entry;
use crate::status;

const COMMON: [&str; 2] = ["metadata.name", "metadata.namespace"];

/// Which objects of a resource.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    labels: Option<labels::Selector>,
    fields: Vec<FieldTerm>,
}

#[derive(Debug, Clone)]
struct FieldTerm {
    field: String,
    value: String,
    /// `!=` instead of `=`.
    is_negated: bool,
}

impl Selection {
    /// Parses both selectors; fields that the kind does not offer are an error.
    pub fn parse(kind: &Kind, label_text: &str, field_text: &str) -> Result<Self, Status> {
        let labels = match label_text {
            "" => None,
            text => Some(
                labels::Selector::parse(text)
                    .map_err(|error| status::bad_request(&error.to_string()))?,
            ),
        };
        let parsed = fields::Selector::parse(field_text)
            .map_err(|error| status::bad_request(&error.to_string()))?;
        let mut fields = Vec::new();
        for requirement in parsed.0 {
            let named = requirement.field.as_str();
            if !kind.field_selectors.iter().any(|it| it == named) && !COMMON.contains(&named) {
                return Err(status::bad_request(&unknown_field(kind, named)));
            }
            fields.push(FieldTerm {
                field: stored_name(kind, named).to_owned(),
                value: requirement.value.clone(),
                is_negated: !requirement.equal,
            });
        }
        Ok(Self { labels, fields })
    }

    pub fn is_everything(&self) -> bool {
        self.labels.is_none() && self.fields.is_empty()
    }

    /// The one name that can match, if the selector says so.
    pub fn exact_name(&self) -> Option<&str> {
        let names = |term: &&FieldTerm| term.field == "metadata.name" && !term.is_negated;
        self.fields
            .iter()
            .find(names)
            .map(|term| term.value.as_str())
    }

    /// Whether an object of `kind` (as stored) is selected.
    pub fn matches(&self, entry: &Entry, kind: &Kind) -> bool {
        self.fields.iter().all(|term| term.matches(entry, kind))
            && self.labels.as_ref().is_none_or(|it| {
                let labels = entry.labels();
                it.matches_with(|key| labels.get(key).map(String::as_str))
            })
    }
}

impl FieldTerm {
    fn matches(&self, entry: &Entry, kind: &Kind) -> bool {
        let is_equal = match self.field.as_str() {
            "metadata.name" => entry.name() == self.value,
            "metadata.namespace" => entry.namespace() == self.value,
            field => match entry.fields(kind).get(field) {
                Some(value) => *value == self.value,
                // Another version that is stored alike was asked first, and offers less.
                None => {
                    let value = kind.rules.selectable(&entry.value(), field);
                    value.unwrap_or_default() == self.value
                }
            },
        };
        is_equal != self.is_negated
    }
}

/// What the stored form calls a field that a selector names.
pub(super) fn stored_name<'a>(kind: &'a Kind, named: &'a str) -> &'a str {
    let alias = kind.field_selector_aliases.get(named);
    alias.map_or(named, String::as_str)
}

fn unknown_field(kind: &Kind, field: &str) -> String {
    let has_own = kind
        .field_selectors
        .iter()
        .any(|it| !COMMON.contains(&it.as_str()));
    if has_own {
        format!("field label not supported: {field}")
    } else {
        format!(
            "\"{field}\" is not a known field selector: only \"metadata.name\", \
             \"metadata.namespace\""
        )
    }
}
