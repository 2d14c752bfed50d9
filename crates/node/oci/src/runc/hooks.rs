//! Programs that the configuration wants run at points of a container's life.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::state::State;
use crate::spec::Hook;

/// Runs them one after the other; each gets the state on its standard input.
pub(super) fn run(hooks: &[Hook], state: &State) -> anyhow::Result<()> {
    for hook in hooks {
        one(hook, state).with_context(|| format!("hook {} failed", hook.path.display()))?;
    }
    Ok(())
}

fn one(hook: &Hook, state: &State) -> anyhow::Result<()> {
    let environment = hook.env.iter().filter_map(|entry| entry.split_once('='));
    let mut child = Command::new(&hook.path)
        .args(hook.args.iter().skip(1))
        .env_clear()
        .envs(environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // A hook need not read it.
        let _ = input.write_all(&serde_json::to_vec(&state.told()?)?);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("it ended with {status}");
    }
    Ok(())
}
