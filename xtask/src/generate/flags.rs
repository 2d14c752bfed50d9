//! The flags of every component: `(component, [(flag, type, default, value of the bare flag)])`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::{Table, entries, read, text};

pub(super) fn table(facts: &Path) -> anyhow::Result<Table> {
    let flags = read(facts, "flags.json")?;
    let mut components: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (key, flag) in entries(&flags) {
        let Some((component, name)) = key.split_once(" --") else {
            continue;
        };
        // Flags outside the help texts are not tied to one component.
        if component == "hidden" {
            continue;
        }
        let row = format!(
            "({:?}, {:?}, {:?}, {:?})",
            name,
            text(flag, "type"),
            plain(&flag["default"]),
            plain(&flag["noValue"]),
        );
        components.entry(component).or_default().push(row);
    }
    let mut out = String::from(
        "// Made by `cargo xtask generate`; do not edit.\n\
         #[rustfmt::skip]\n\
         pub(super) static FLAGS: &[(&str, &[(&str, &str, &str, &str)])] = &[\n",
    );
    for (component, rows) in components {
        writeln!(out, "    ({component:?}, &[")?;
        for row in rows {
            writeln!(out, "        {row},")?;
        }
        out.push_str("    ]),\n");
    }
    out.push_str("];\n");
    Ok(Table {
        path: "crates/foundation/component/generated/flags.rs",
        text: out,
    })
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
