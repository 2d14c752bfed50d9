//! Writes the checked-in tables of the crates from the facts about upstream.
//!
//! The facts are a folder of JSON files, one entry per line (`STYR_FACTS`, or `facts` beside the
//! repository). With `--check` nothing is written: a table that differs is an error.

mod defaults;
mod flags;
mod kinds;
mod recorded;
mod shapes;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

/// How `generate` is called.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Options {
    /// Compares the checked-in tables with the facts instead of writing them.
    #[arg(long)]
    pub(crate) check: bool,
}

/// A generated file, by its path inside the repository.
struct Table {
    path: &'static str,
    text: String,
}

/// Writes (or checks) every generated table.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let root = root();
    let Some(facts) = facts(&root) else {
        bail!("could not find the facts: name their folder in STYR_FACTS");
    };
    let tables = [
        flags::table(&facts)?,
        shapes::table(&facts)?,
        defaults::table(&facts)?,
        kinds::table(&facts)?,
        kinds::groups(&facts)?,
        recorded::table(&facts)?,
    ];
    for table in tables {
        let path = root.join(table.path);
        if options.check {
            let current = fs::read_to_string(&path)
                .with_context(|| format!("could not read {}", path.display()))?;
            if current != table.text {
                bail!("{} is not current: run `cargo xtask generate`", table.path);
            }
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, &table.text)
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(())
}

/// Where the facts are, if they are anywhere.
pub(crate) fn facts(root: &Path) -> Option<PathBuf> {
    let named = std::env::var_os("STYR_FACTS").map(PathBuf::from);
    let beside = [root.join("../facts"), root.join("../shared/facts")];
    named
        .into_iter()
        .chain(beside)
        .find(|folder| folder.join("types.json").exists())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is in the root")
        .to_owned()
}

fn read(facts: &Path, name: &str) -> anyhow::Result<Value> {
    let path = facts.join(name);
    let text = fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("could not parse {}", path.display()))
}

/// The entries of an object, in the order of their keys.
fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let mut all: Vec<_> = value.as_object().into_iter().flatten().collect();
    all.sort_by_key(|(key, _)| key.as_str());
    all.into_iter()
}

/// The text of a member, or nothing.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The texts of a member that is a list, joined by commas.
fn joined(value: &Value, key: &str) -> String {
    let items = value[key]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    items.collect::<Vec<_>>().join(",")
}

/// One line of a table: columns between tabs, without the empty ones at the end.
fn line(columns: &[&str]) -> String {
    let mut line = columns.join("\t");
    line.truncate(line.trim_end_matches('\t').len());
    line.push('\n');
    line
}
