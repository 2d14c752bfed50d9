//! Constant defaulting rules: `D type`, then `field value ifSet`, in upstream's order.
//!
//! Rules that depend on other fields are code, in the file of their kind.

use std::path::Path;

use serde_json::Value;

use super::{Table, entries, joined, line, read, text};

pub(super) fn table(facts: &Path) -> anyhow::Result<Table> {
    let types = read(facts, "defaults.json")?;
    let mut out = String::from("# Made by `cargo xtask generate`; do not edit.\n");
    for (name, entry) in entries(&types) {
        let mut rules = String::new();
        let all = entry["rules"].as_array().map_or(&[][..], Vec::as_slice);
        for (index, rule) in all.iter().enumerate() {
            if rule["value"].is_null() || is_conditional(rule) || is_looked_at(all, index) {
                continue;
            }
            let value = rule["value"].to_string();
            rules.push_str(&line(&[
                "R",
                text(rule, "field"),
                &value,
                &joined(rule, "ifSet"),
            ]));
        }
        if !rules.is_empty() {
            out.push_str(&line(&["D", name]));
            out.push_str(&rules);
        }
    }
    Ok(Table {
        path: "crates/foundation/schema/generated/defaults.txt",
        text: out,
    })
}

fn is_conditional(rule: &Value) -> bool {
    !rule["dependsOn"].is_null()
}

/// Whether a rule that is code must see the field before the constant is set.
fn is_looked_at(rules: &[Value], index: usize) -> bool {
    let field = &rules[index]["field"];
    let depends = |rule: &Value| {
        rule["dependsOn"]
            .as_array()
            .is_some_and(|fields| fields.contains(field))
    };
    rules[..index].iter().any(depends)
        || rules
            .iter()
            .any(|rule| is_conditional(rule) && rule["field"] == *field)
}
