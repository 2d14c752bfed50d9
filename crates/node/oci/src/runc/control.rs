//! `kill`, `delete`, `pause`, `resume`, `update`.

use std::fs;
use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, bail};
use styr_kernel::process::{self, signals};

use super::arguments::single;
use super::cgroup_of;
use super::state::{CREATED, STOPPED, State};
use super::{Arguments, Global, hooks};
use crate::spec::Resources;

pub(super) fn kill(global: &Global, arguments: &mut Arguments) -> anyhow::Result<ExitCode> {
    let mut all = false;
    let operands = arguments.operands(|name, _, _| {
        all |= matches!(name, "all" | "a");
        Ok(matches!(name, "all" | "a"))
    })?;
    let (id, signal) = match operands.as_slice() {
        [id] => (id, "SIGTERM"),
        [id, signal] => (id, signal.as_str()),
        _ => bail!("kill needs a container id and perhaps a signal"),
    };
    let number = signals::number(signal).with_context(|| format!("unknown signal {signal:?}"))?;
    let state = State::read(global, id)?;
    if all {
        if let Some(group) = cgroup_of(&state.spec()?.linux())? {
            for pid in group.processes()? {
                let _ = process::kill(pid, number);
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    if state.status() == STOPPED {
        // Callers look for these very words.
        bail!("container not running");
    }
    process::kill(state.pid, number).context("could not send the signal")?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn delete(global: &Global, arguments: &mut Arguments) -> anyhow::Result<ExitCode> {
    let mut force = false;
    let operands = arguments.operands(|name, _, _| {
        force |= matches!(name, "force" | "f");
        Ok(matches!(name, "force" | "f"))
    })?;
    let id = single(operands)?;
    let state = match State::read(global, &id) {
        Ok(state) => state,
        Err(_) if force => {
            // Half made, or gone.
            let _ = fs::remove_dir_all(super::state::folder(global, &id)?);
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(error),
    };
    let status = state.status();
    if status == CREATED || force {
        let _ = process::kill(state.pid, libc::SIGKILL);
    } else if status != STOPPED {
        bail!("cannot delete container {id} that is not stopped: {status}");
    }
    remove(&state)?;
    Ok(ExitCode::SUCCESS)
}

/// Takes away all that is left of it.
pub(super) fn remove(state: &State) -> anyhow::Result<()> {
    let spec = state.spec()?;
    if let Some(group) = cgroup_of(&spec.linux())? {
        group.kill()?;
        group.remove()?;
    }
    if let Some(hooks) = &spec.hooks {
        // A hook that fails must not keep the container.
        if let Err(error) = hooks::run(&hooks.poststop, state) {
            tracing::warn!(%error, "poststop hook failed");
        }
    }
    fs::remove_dir_all(&state.folder).context("could not remove the container's state")
}

pub(super) fn pause(global: &Global, arguments: &mut Arguments) -> anyhow::Result<ExitCode> {
    freeze(global, arguments, true)
}

pub(super) fn resume(global: &Global, arguments: &mut Arguments) -> anyhow::Result<ExitCode> {
    freeze(global, arguments, false)
}

fn freeze(global: &Global, arguments: &mut Arguments, frozen: bool) -> anyhow::Result<ExitCode> {
    let id = single(arguments.operands(|_, _, _| Ok(false))?)?;
    let spec = State::read(global, &id)?.spec()?;
    let group = cgroup_of(&spec.linux())?.context("the container has no control group")?;
    group.freeze(frozen)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn update(global: &Global, arguments: &mut Arguments) -> anyhow::Result<ExitCode> {
    let mut file = None;
    let operands = arguments.operands(|name, value, rest| {
        if matches!(name, "resources" | "r") {
            file = Some(rest.value(name, value)?);
            return Ok(true);
        }
        Ok(false)
    })?;
    let mut text = String::new();
    match file.as_deref() {
        Some("-") => drop(std::io::stdin().read_to_string(&mut text)?),
        Some(path) => text = fs::read_to_string(path)?,
        None => bail!("update is implemented with --resources only"),
    }
    let resources: Resources =
        serde_json::from_str(&text).context("could not understand the limits")?;
    let state = State::read(global, &single(operands)?)?;
    let spec = state.spec()?;
    let group = cgroup_of(&spec.linux())?.context("the container has no control group")?;
    let mut limits = resources.limits();
    limits.devices.clear(); // what a running container may use is not changed
    group.set_limits(&limits)?;
    state.write_spec(&spec)?;
    Ok(ExitCode::SUCCESS)
}
