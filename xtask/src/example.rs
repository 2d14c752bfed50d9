//! The example application on a cluster: applied, and waited for until it answers.

mod apply;
mod wait;

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use styr_client::Client;

use crate::command::workspace;

pub(crate) use wait::until_it_answers;

/// Where its objects live.
pub(crate) const NAMESPACE: &str = "notes";
/// Where it answers, at every node.
pub(crate) const NODE_PORT: u16 = 30080;

/// Applies the application's files; whatever is there already is brought to what they say.
pub(crate) async fn deploy(client: &Client) -> Result<()> {
    let folder = workspace().join("examples/notes/deploy");
    for object in objects(&folder)? {
        let (what, outcome) = apply::apply(client, &object).await?;
        println!("    {what} {outcome}");
    }
    Ok(())
}

/// All documents of a folder's files, in the order of their names.
fn objects(folder: &Path) -> Result<Vec<Value>> {
    let unreadable = || format!("could not read {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(unreadable)?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()
        .with_context(unreadable)?;
    paths.retain(|path| path.extension().is_some_and(|it| it == "yaml"));
    paths.sort();
    let mut objects = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("could not read {}", path.display()))?;
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text)
            .with_context(|| format!("{} is not valid YAML", path.display()))?;
        objects.extend(documents);
    }
    Ok(objects)
}

#[cfg(test)]
mod tests;
