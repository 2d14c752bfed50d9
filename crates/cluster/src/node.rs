//! Node sandboxes (being wired).
pub const NAME: &str = "node-init";
pub fn command(_: &[String]) -> anyhow::Result<std::process::ExitCode> { anyhow::bail!("not implemented") }
