//! What the components say of themselves: `styr COMPONENT --help`, `styr COMPONENT --version`.

use styr_component::flags::{self, Flag};

use crate::subcommands::{SUBCOMMANDS, Subcommand};

/// Upstream's release that this one is like.
pub(crate) const KUBERNETES: &str = "v1.37.1";

/// The answer to arguments that ask about the component, rather than to run it.
pub(crate) fn answer(subcommand: &Subcommand, args: &[String]) -> Option<String> {
    let known = flags::upstream(subcommand.name);
    match args.first().map(String::as_str) {
        Some("--help" | "-h") => Some(help(subcommand, known.as_deref())),
        // As upstream's components answer.
        Some("--version") if known.is_some() => Some(format!("Kubernetes {KUBERNETES}")),
        _ => None,
    }
}

fn help(subcommand: &Subcommand, known: Option<&[Flag]>) -> String {
    let Subcommand { name, about, .. } = subcommand;
    let head = format!("{about}\n\nUsage: styr {name} [FLAGS]\n");
    let Some(known) = known else { return head };
    let mut known = known.to_vec();
    known.sort_by_key(|flag| flag.name);
    let flags: String = known.iter().map(line).collect();
    format!(
        "{head}\nFlags (upstream's; one that is not implemented is refused unless it is given its \
         default):\n{flags}"
    )
}

fn line(flag: &Flag) -> String {
    let dashes = if flag.name.len() == 1 { "-" } else { "--" };
    let default = match flag.default {
        "" | "[]" => String::new(),
        default => format!(" (default {default})"),
    };
    format!("  {dashes}{} {}{default}\n", flag.name, flag.kind)
}

/// All components, for the end of the program's own help.
pub(crate) fn components() -> String {
    let mut rows: Vec<_> = SUBCOMMANDS.iter().map(|it| (it.name, it.about)).collect();
    rows.sort_unstable();
    let rows = rows
        .iter()
        .map(|(name, about)| format!("  {name:<24} {about}\n"));
    let rows: String = rows.collect();
    format!(
        "Components, with upstream's flags where upstream has them (--help lists them):\n{rows}"
    )
}

#[cfg(test)]
mod tests;
