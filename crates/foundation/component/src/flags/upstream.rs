//! Upstream's flags of each component, as generated.

use super::Flag;

/// Flags of every component that are not in upstream's help texts, because pflag adds them.
const ALWAYS: [Flag; 1] = [Flag {
    name: "help",
    kind: "bool",
    default: "false",
    no_value: "true",
}];

#[expect(clippy::type_complexity, reason = "a table of rows, read in one place")]
#[path = "../../generated/flags.rs"]
mod generated;

/// The flags of a component, or nothing if upstream has no such component.
pub(super) fn of(component: &str) -> Option<Vec<Flag>> {
    let (_, rows) = generated::FLAGS
        .iter()
        .find(|(name, _)| *name == component)?;
    let mut flags: Vec<Flag> = rows
        .iter()
        .map(|&(name, kind, default, no_value)| Flag {
            name,
            kind,
            default,
            no_value: if kind == "bool" && no_value.is_empty() {
                "true"
            } else {
                no_value
            },
        })
        .collect();
    for extra in ALWAYS {
        if !flags.iter().any(|flag| flag.name == extra.name) {
            flags.push(extra);
        }
    }
    Some(flags)
}
