//! The types of the API, one line per type and per field.
//!
//! `T name marks gvk`, then its fields: `F json go type pb marks alias listType listKeys patch
//! mergeKey default`. Names of the same package are written as `.Name`. `E name values` is a named
//! string with its values. Marks of a field: `p` pointer, `e`/`z` omitted when empty/zero, `i`
//! inline, `r` required, `w` wrapped in a message in protobuf, `n` not in JSON, `a` atomic map.

use std::path::Path;

use serde_json::Value;

use super::{Table, entries, joined, line, read, text};

/// Packages whose types the server speaks; the others are configuration files of components.
const PACKAGES: &[&str] = &[
    "io.k8s.api.",
    "io.k8s.apimachinery.pkg.apis.meta.",
    "io.k8s.apimachinery.pkg.runtime.",
    "io.k8s.apiextensions-apiserver.",
    "io.k8s.kube-aggregator.",
];

pub(super) fn table(facts: &Path) -> anyhow::Result<Table> {
    let types = read(facts, "types.json")?;
    let mut out = String::from("# Made by `cargo xtask generate`; do not edit.\n");
    for (name, entry) in entries(&types) {
        if !PACKAGES.iter().any(|package| name.starts_with(package))
            || !text(entry, "scalar").is_empty()
        {
            continue;
        }
        if entry["aliasOf"].is_string() {
            if entry["enum"] == true {
                let mut values: Vec<&str> = entries(&entry["values"])
                    .filter_map(|(_, value)| value.as_str())
                    .collect();
                values.sort_unstable();
                values.dedup();
                out.push_str(&line(&["E", name, &values.join(",")]));
            }
            continue;
        }
        let mut marks = String::new();
        if entry["openapi"] == false {
            marks.push('h');
        }
        if text(entry, "structType") == "atomic" {
            marks.push('a');
        }
        match text(entry, "json") {
            "" => {}
            "any" => marks.push('j'),
            _ => marks.push('u'),
        }
        out.push_str(&line(&["T", name, &marks, text(entry, "gvk")]));
        let package = name.rsplit_once('.').map_or("", |(package, _)| package);
        for field in entry["fields"].as_array().into_iter().flatten() {
            out.push_str(&field_line(&types, package, field));
        }
    }
    Ok(Table {
        path: "crates/foundation/schema/generated/types.txt",
        text: out,
    })
}

fn field_line(types: &Value, package: &str, field: &Value) -> String {
    let alias = text(field, "alias");
    let omit = text(field, "omit");
    let marks = [
        ('p', field["ptr"] == true),
        ('e', omit.contains("empty")),
        ('z', omit.contains("zero")),
        ('i', field["inline"] == true),
        ('r', field["req"] == true),
        ('w', !types[alias]["pbItems"].is_null()),
        ('n', text(field, "json") == "-"),
        ('a', text(field, "mapType") == "atomic"),
        ('g', text(field, "mapType") == "granular"),
    ];
    let marks: String = marks
        .iter()
        .filter(|(_, on)| *on)
        .map(|(mark, _)| *mark)
        .collect();
    let pb = field["pb"]
        .as_u64()
        .map(|number| number.to_string())
        .unwrap_or_default();
    let default = match &field["default"] {
        Value::Null => String::new(),
        value => value.to_string(),
    };
    line(&[
        "F",
        text(field, "json"),
        text(field, "go"),
        &shortened(package, text(field, "type")),
        &pb,
        &marks,
        &shortened(package, alias),
        text(field, "listType"),
        &joined(field, "listKeys"),
        text(field, "patchStrategy"),
        text(field, "mergeKey"),
        &default,
    ])
}

/// Writes `io.k8s.api.core.v1.Pod` as `.Pod` inside its own package.
fn shortened(package: &str, name: &str) -> String {
    let (head, inner) = match name.find("io.k8s.") {
        Some(at) => name.split_at(at),
        None => return name.to_owned(),
    };
    match inner.strip_prefix(package) {
        Some(rest) if rest.starts_with('.') && !rest[1..].contains('.') => format!("{head}{rest}"),
        _ => name.to_owned(),
    }
}
