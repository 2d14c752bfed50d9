//! Joins the generated table with the rules of each kind.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use styr_schema::Schema;

use crate::kind::{Column, Kind, Subresource};
use crate::rules::{Generation, Plain, Rules};
use crate::table_rules::TableRules;

static KINDS: &str = include_str!("../generated/kinds.txt");
static GROUPS: &str = include_str!("../generated/groups.txt");

/// The rules of each kind that has some, by group, version and plural.
fn rules_of(group: &str, version: &str, plural: &str) -> &'static dyn Rules {
    let rules: Option<&'static dyn Rules> = match group {
        "" => crate::core::rules(plural),
        "admissionregistration.k8s.io" => crate::admissionregistration::rules(plural),
        "apiregistration.k8s.io" => crate::apiregistration::rules(plural),
        "apps" => crate::apps::rules(plural),
        "autoscaling" => crate::autoscaling::rules(version, plural),
        "batch" => crate::batch::rules(plural),
        "certificates.k8s.io" => crate::certificates::rules(plural),
        "coordination.k8s.io" => crate::coordination::rules(plural),
        "discovery.k8s.io" => crate::discovery::rules(plural),
        "events.k8s.io" => crate::core::rules("events.events.k8s.io"),
        "flowcontrol.apiserver.k8s.io" => crate::flowcontrol::rules(plural),
        "networking.k8s.io" => crate::networking::rules(plural),
        "policy" => crate::policy::rules(plural),
        "rbac.authorization.k8s.io" => crate::rbac::rules(plural),
        "scheduling.k8s.io" => crate::scheduling::rules(plural),
        "storage.k8s.io" => crate::storage::rules(plural),
        _ => None,
    };
    rules.unwrap_or(&Plain)
}

/// All kinds that are served by default, in the order of discovery.
pub fn table() -> &'static [Arc<Kind>] {
    static TABLE: LazyLock<Vec<Arc<Kind>>> = LazyLock::new(read);
    &TABLE
}

/// A kind by where it is served.
pub fn find(group: &str, version: &str, plural: &str) -> Option<&'static Arc<Kind>> {
    table()
        .iter()
        .find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
}

/// A group with its versions and the priorities of their `APIService` (group, then version).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupVersions {
    pub name: String,
    pub versions: Vec<(String, Option<(i64, i64)>)>,
}

/// The groups that upstream knows, in the order of discovery; not all of their versions are served.
pub fn groups() -> &'static [GroupVersions] {
    static ALL: LazyLock<Vec<GroupVersions>> = LazyLock::new(|| {
        GROUPS
            .lines()
            .filter_map(|line| line.strip_prefix("G\t"))
            .map(group)
            .collect()
    });
    &ALL
}

fn group(line: &str) -> GroupVersions {
    let (name, versions) = line.split_once('\t').unwrap_or((line, ""));
    let versions = list(versions).map(|version| {
        let mut parts = version.split('=');
        let name = parts.next().unwrap_or_default().to_owned();
        let group = parts.next().and_then(|part| part.parse().ok());
        let version = parts.next().and_then(|part| part.parse().ok());
        (name, group.zip(version))
    });
    GroupVersions {
        name: name.to_owned(),
        versions: versions.collect(),
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(|part| !part.is_empty())
}

fn owned(text: &str) -> Vec<String> {
    list(text).map(str::to_owned).collect()
}

/// A kind whose subresources and columns are still to come.
fn read() -> Vec<Arc<Kind>> {
    let mut kinds: Vec<Kind> = Vec::new();
    for line in KINDS.lines() {
        let mut columns = line.split('\t');
        match (columns.next(), kinds.last_mut()) {
            (Some("K"), _) => kinds.extend(kind(columns)),
            (Some("S"), Some(kind)) => {
                let mut next = || columns.next().unwrap_or_default();
                kind.subresources.push(Subresource {
                    name: next().to_owned(),
                    group_version: next().to_owned(),
                    kind: next().to_owned(),
                    verbs: owned(next()),
                });
            }
            (Some("C"), Some(kind)) => {
                let mut next = || columns.next().unwrap_or_default();
                kind.columns.push(Column {
                    name: next().to_owned(),
                    kind: next().to_owned(),
                    format: next().to_owned(),
                    priority: next().parse().unwrap_or(0),
                    path: next().to_owned(),
                });
            }
            _ => {}
        }
    }
    kinds.into_iter().map(finish).collect()
}

fn kind<'a>(mut columns: impl Iterator<Item = &'a str>) -> Option<Kind> {
    let mut next = || columns.next().unwrap_or_default();
    let (group, version, kind, list_kind) = (next(), next(), next(), next());
    let (plural, singular, short_names, categories) = (next(), next(), next(), next());
    let (namespaced, verbs, storage_prefix) = (next() == "n", next(), next());
    let (storage_version, hash, field_selectors) = (next(), next(), next());
    let (aliases, generation) = (next(), next());
    let api_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    let shape = Schema::builtin().shape_of(&api_version, kind)?;
    let list_shape = Schema::builtin()
        .shape(&format!("{}List", shape.name()))
        .unwrap_or_else(|| shape.clone());
    let stored = storage_version
        .split_once('/')
        .unwrap_or(("", storage_version));
    let aliases = list(aliases).filter_map(|pair| pair.split_once('='));
    let aliases: BTreeMap<String, String> = aliases
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .collect();
    Some(Kind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        list_kind: list_kind.to_owned(),
        plural: plural.to_owned(),
        singular: singular.to_owned(),
        short_names: owned(short_names),
        categories: owned(categories),
        namespaced,
        verbs: owned(verbs),
        subresources: Vec::new(),
        storage_prefix: storage_prefix.to_owned(),
        storage_version: (stored.0.to_owned(), stored.1.to_owned()),
        storage_version_hash: hash.to_owned(),
        shape,
        list_shape,
        columns: Vec::new(),
        field_selectors: owned(field_selectors),
        field_selector_aliases: aliases,
        generation: Generation {
            counts: list(generation).any(|part| part == "1"),
            bumped_by: list(generation)
                .filter(|part| part.starts_with('.'))
                .map(str::to_owned)
                .collect(),
        },
        rules: &Plain,
    })
}

/// Adds the rules; they live as long as the program, as the table does.
fn finish(mut kind: Kind) -> Arc<Kind> {
    if kind.columns.is_empty() {
        kind.columns = default_columns();
    }
    let rules = TableRules {
        own: rules_of(&kind.group, &kind.version, &kind.plural),
        has_status: kind.subresource("status").is_some(),
        generation: kind.generation.clone(),
        columns: kind.columns.clone(),
    };
    kind.rules = Box::leak(Box::new(rules));
    Arc::new(kind)
}

/// The columns of kinds that nobody has thought about.
fn default_columns() -> Vec<Column> {
    let column = |name: &str, kind: &str, format: &str, path: &str| Column {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: format.to_owned(),
        priority: 0,
        path: path.to_owned(),
    };
    vec![
        column("Name", "string", "name", ".metadata.name"),
        column("Created At", "date", "", ".metadata.creationTimestamp"),
    ]
}
