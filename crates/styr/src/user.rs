//! What a user says: create, get, export, load, delete. Being wired.
pub(crate) fn run(_: Vec<String>) -> anyhow::Result<()> { anyhow::bail!("not implemented") }
