//! Constant defaulting rules: `D type`, then `field value ifSet`, in upstream's order.
//!
//! Rules that depend on other fields are code, in the file of their kind.

use std::path::Path;

use super::{Table, entries, joined, line, read, text};

pub(super) fn table(facts: &Path) -> anyhow::Result<Table> {
    let types = read(facts, "defaults.json")?;
    let mut out = String::from("# Made by `cargo xtask generate`; do not edit.\n");
    for (name, entry) in entries(&types) {
        let mut rules = String::new();
        for rule in entry["rules"].as_array().into_iter().flatten() {
            if rule["value"].is_null() || !rule["dependsOn"].is_null() {
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
