//! `exec`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};

use styr_kernel::cgroups::Cgroups;

use super::create::{hand_over, stdio, write_pid};
use super::state::{RUNNING, State};
use super::{Arguments, Global, seal};
use crate::launch::{self, Joining};
use crate::spec::Process;

pub(super) fn exec(global: &Global, arguments: &mut Arguments) -> anyhow::Result<ExitCode> {
    seal()?;
    let mut process_file = None::<PathBuf>;
    let mut pid_file = None::<PathBuf>;
    let mut console = None::<PathBuf>;
    let mut preserved = 0;
    let (mut detach, mut terminal) = (false, false);
    let mut cwd = None;
    let mut environment = Vec::new();
    let mut operands = arguments.operands(|name, value, rest| {
        match name {
            "process" | "p" => process_file = Some(rest.value(name, value)?.into()),
            "pid-file" => pid_file = Some(rest.value(name, value)?.into()),
            "console-socket" => console = Some(rest.value(name, value)?.into()),
            "preserve-fds" => preserved = rest.value(name, value)?.parse()?,
            "cwd" => cwd = Some(rest.value(name, value)?),
            "env" | "e" => environment.push(rest.value(name, value)?),
            "detach" | "d" => detach = true,
            "tty" | "t" => terminal = true,
            "no-subreaper" | "ignore-paused" => {}
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if operands.is_empty() {
        bail!("exec needs a container id");
    }
    let state = State::read(global, &operands.remove(0))?;
    let status = state.status();
    if status != RUNNING {
        bail!("cannot exec in a container that is {status}");
    }
    let spec = state.spec()?;
    let process = match process_file {
        Some(path) => {
            let text = std::fs::read(&path)
                .with_context(|| format!("could not read {}", path.display()))?;
            serde_json::from_slice(&text).context("could not understand the process")?
        }
        None => {
            let own = spec.process.clone().unwrap_or_default();
            let mut process = Process {
                args: operands,
                terminal,
                ..own
            };
            process.env.append(&mut environment);
            process.cwd = cwd.unwrap_or(process.cwd);
            process
        }
    };
    let started = launch::join(Joining {
        pid: state.pid,
        process: &process,
        spec: &spec,
        cgroups: &Cgroups::detect()?,
        stdio: stdio(process.terminal, console.as_deref())?,
        preserved,
    })?;
    hand_over(started.terminal.as_ref(), console.as_deref())?;
    write_pid(pid_file.as_deref(), started.pid.as_raw_nonzero().get())?;
    if detach {
        return Ok(ExitCode::SUCCESS);
    }
    let ended = rustix::process::waitpid(Some(started.pid), rustix::process::WaitOptions::empty())?;
    let code = ended.map_or(255, |(_, status)| {
        let signal = || 128 + status.terminating_signal().unwrap_or(127);
        status.exit_status().unwrap_or_else(signal)
    });
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}
