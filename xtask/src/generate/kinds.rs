//! The kinds that are served by default, in the order of discovery, and the groups.
//!
//! `K group version kind listKind plural singular shortNames categories namespaced verbs prefix
//! storageGroup/version hash fieldSelectors aliases generation`, then `S` lines for subresources
//! and `C` lines for columns. Groups: `G name priorities version...`.

use std::path::Path;

use serde_json::Value;

use super::{Table, entries, joined, line, read, text};

pub(super) fn table(facts: &Path) -> anyhow::Result<Table> {
    let kinds = read(facts, "kinds.json")?;
    let groups = read(facts, "groups.json")?;
    let mut all: Vec<&Value> = entries(&kinds)
        .map(|(_, kind)| kind)
        .filter(|kind| kind["default"] == true)
        .collect();
    all.sort_by_key(|kind| {
        let group = &groups[text(kind, "group")];
        let versions = group["versions"].as_array();
        let version = versions
            .and_then(|all| all.iter().position(|name| *name == kind["version"]))
            .unwrap_or(usize::MAX);
        (
            group["order"].as_u64().unwrap_or(u64::MAX),
            version,
            text(kind, "plural"),
        )
    });
    let mut out = String::from("# Made by `cargo xtask generate`; do not edit.\n");
    for kind in all {
        kind_lines(kind, &mut out);
    }
    Ok(Table {
        path: "crates/foundation/api/generated/kinds.txt",
        text: out,
    })
}

fn kind_lines(kind: &Value, out: &mut String) {
    let aliases: Vec<String> = entries(&kind["fieldSelectorAliases"])
        .map(|(from, to)| format!("{from}={}", to.as_str().unwrap_or_default()))
        .collect();
    out.push_str(&line(&[
        "K",
        text(kind, "group"),
        text(kind, "version"),
        text(kind, "kind"),
        text(kind, "listKind"),
        text(kind, "plural"),
        text(kind, "singular"),
        &joined(kind, "shortNames"),
        &joined(kind, "categories"),
        if kind["namespaced"] == true { "n" } else { "" },
        &joined(kind, "verbs"),
        text(kind, "etcdPrefix"),
        text(kind, "storageVersion"),
        text(kind, "storageVersionHash"),
        &joined(kind, "fieldSelectors"),
        &aliases.join(","),
        &generation(&kind["generation"]),
    ]));
    for (name, sub) in entries(&kind["subresources"]) {
        let verbs = joined(sub, "verbs");
        out.push_str(&line(&[
            "S",
            name,
            text(sub, "gv"),
            text(sub, "kind"),
            &verbs,
        ]));
    }
    for column in kind["columns"].as_array().into_iter().flatten() {
        out.push_str(&line(&[
            "C",
            text(column, "name"),
            text(column, "type"),
            text(column, "format"),
            &column["priority"].as_i64().unwrap_or(0).to_string(),
            text(column, "path"),
        ]));
    }
}

/// `1` set on creation, then the paths whose change adds one.
fn generation(rule: &Value) -> String {
    let mut parts = Vec::new();
    if rule["setTo1OnCreate"] == true {
        parts.push("1".to_owned());
    }
    for path in rule["bumpOn"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        parts.push(path.to_owned());
    }
    parts.join(",")
}

pub(super) fn groups(facts: &Path) -> anyhow::Result<Table> {
    let groups = read(facts, "groups.json")?;
    let mut all: Vec<_> = entries(&groups).collect();
    all.sort_by_key(|(_, group)| group["order"].as_u64().unwrap_or(u64::MAX));
    let mut out = String::from("# Made by `cargo xtask generate`; do not edit.\n");
    for (name, group) in all {
        let versions: Vec<String> = group["versions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|version| {
                let priority = &group["priority"][version];
                format!("{version}={}={}", priority["group"], priority["version"])
            })
            .collect();
        out.push_str(&line(&["G", name, &versions.join(",")]));
    }
    Ok(Table {
        path: "crates/foundation/api/generated/groups.txt",
        text: out,
    })
}
