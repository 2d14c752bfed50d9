//! `create`, `start`, `run`.

use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use rustix::fs::{FileType, Mode};
use styr_kernel::cgroups::Cgroups;
use styr_kernel::process;

use super::arguments::single;
use super::state::{self, CREATED, State};
use super::{Arguments, Global, hooks, seal};
use crate::channel;
use crate::launch::{self, Container, Started, Stdio};
use crate::spec::Spec;

#[derive(Debug, Default)]
struct Options {
    bundle: PathBuf,
    pid_file: Option<PathBuf>,
    console_socket: Option<PathBuf>,
    preserved: u32,
    detach: bool,
}

fn parse(arguments: &mut Arguments) -> anyhow::Result<(Options, String)> {
    let mut options = Options {
        bundle: std::env::current_dir()?,
        ..Options::default()
    };
    let operands = arguments.operands(|name, value, rest| {
        match name {
            "bundle" | "b" => options.bundle = fs::canonicalize(rest.value(name, value)?)?,
            "pid-file" => options.pid_file = Some(rest.value(name, value)?.into()),
            "console-socket" => options.console_socket = Some(rest.value(name, value)?.into()),
            "preserve-fds" => options.preserved = rest.value(name, value)?.parse()?,
            "detach" | "d" => options.detach = true,
            "no-pivot" | "no-new-keyring" | "keep" => {}
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok((options, single(operands)?))
}

pub(super) fn create(global: &Global, arguments: &mut Arguments) -> anyhow::Result<ExitCode> {
    seal()?;
    let (options, id) = parse(arguments)?;
    make(global, &options, &id)?;
    Ok(ExitCode::SUCCESS)
}

fn make(global: &Global, options: &Options, id: &str) -> anyhow::Result<(State, Started)> {
    let folder = state::folder(global, id)?;
    let spec = Spec::read(&options.bundle.join("config.json"))?;
    fs::create_dir_all(&global.root)
        .with_context(|| format!("could not make {}", global.root.display()))?;
    match fs::DirBuilder::new().mode(0o711).create(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("container with given ID already exists")
        }
        made => made.with_context(|| format!("could not make {}", folder.display()))?,
    }
    let made = make_in(&folder, &spec, options, id);
    if made.is_err() {
        let _ = fs::remove_dir_all(&folder);
    }
    made
}

fn make_in(
    folder: &Path,
    spec: &Spec,
    options: &Options,
    id: &str,
) -> anyhow::Result<(State, Started)> {
    let mut state = State {
        id: id.to_owned(),
        pid: 0,
        start_time: 0,
        bundle: options.bundle.clone(),
        created: jiff::Timestamp::now().to_string(),
        folder: folder.to_owned(),
    };
    let hold = state.hold();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &hold,
        FileType::Fifo,
        Mode::from_raw_mode(0o622),
        0,
    )
    .context("could not make the pipe to wait at")?;
    let has_terminal = spec
        .process
        .as_ref()
        .is_some_and(|process| process.terminal);
    let started = launch::start(Container {
        spec,
        bundle: &options.bundle,
        overlay: None,
        cgroups: &Cgroups::detect()?,
        stdio: stdio(has_terminal, options.console_socket.as_deref())?,
        hold_at: Some(&hold),
        preserved: options.preserved,
    })?;
    state.pid = started.pid.as_raw_nonzero().get();
    state.start_time = process::start_time(state.pid)?;
    let finish = || {
        state.write(spec)?;
        if let Some(hooks) = &spec.hooks {
            if !hooks.create_container.is_empty() || !hooks.start_container.is_empty() {
                bail!("createContainer and startContainer hooks are not implemented");
            }
            hooks::run(&hooks.prestart, &state)?;
            hooks::run(&hooks.create_runtime, &state)?;
        }
        hand_over(started.terminal.as_ref(), options.console_socket.as_deref())?;
        write_pid(options.pid_file.as_deref(), state.pid)
    };
    if let Err(error) = finish() {
        let signal = rustix::process::Signal::KILL;
        let _ = rustix::process::pidfd_send_signal(&started.pidfd, signal);
        return Err(error);
    }
    Ok((state, started))
}

/// A terminal needs somebody to take its other end.
pub(super) fn stdio(terminal: bool, console: Option<&Path>) -> anyhow::Result<Stdio> {
    match (terminal, console) {
        (true, None) => {
            bail!("cannot allocate tty if runc will detach without setting console socket")
        }
        (false, Some(_)) => {
            bail!("cannot use console socket if runc will not detach or allocate tty")
        }
        (true, Some(_)) => Ok(Stdio::Terminal),
        (false, None) => Ok(Stdio::Inherit),
    }
}

/// Sends a terminal to whoever listens at the console socket.
pub(super) fn hand_over(terminal: Option<&OwnedFd>, console: Option<&Path>) -> anyhow::Result<()> {
    let (Some(terminal), Some(path)) = (terminal, console) else {
        return Ok(());
    };
    let socket = std::os::unix::net::UnixStream::connect(path)
        .with_context(|| format!("could not connect to {}", path.display()))?;
    channel::send(&socket, b"/dev/ptmx", &[terminal.as_fd()]).context("could not send the terminal")
}

/// Whole or not at all: somebody waits for the file.
pub(super) fn write_pid(path: Option<&Path>, pid: i32) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let mut temporary = path.to_owned();
    temporary.set_extension("new");
    fs::write(&temporary, pid.to_string())?;
    Ok(fs::rename(temporary, path)?)
}

pub(super) fn start(global: &Global, arguments: &mut Arguments) -> anyhow::Result<ExitCode> {
    let id = single(arguments.operands(|_, _, _| Ok(false))?)?;
    release(&State::read(global, &id)?)?;
    Ok(ExitCode::SUCCESS)
}

fn release(state: &State) -> anyhow::Result<()> {
    let status = state.status();
    if status != CREATED {
        bail!("cannot start a container that is {status}");
    }
    let hold = state.hold();
    // The container waits with its end open for reading; without it this does not block either.
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC;
    let pipe =
        rustix::fs::open(&hold, flags, Mode::empty()).context("could not wake the container")?;
    fs::File::from(pipe)
        .write_all(b"0")
        .context("could not wake the container")?;
    fs::remove_file(hold)?;
    let spec = state.spec()?;
    if let Some(hooks) = &spec.hooks {
        hooks::run(&hooks.poststart, state)?;
    }
    Ok(())
}

pub(super) fn run(global: &Global, arguments: &mut Arguments) -> anyhow::Result<ExitCode> {
    seal()?;
    let (options, id) = parse(arguments)?;
    let (state, started) = make(global, &options, &id)?;
    release(&state)?;
    if options.detach {
        return Ok(ExitCode::SUCCESS);
    }
    let ended = rustix::process::waitpid(Some(started.pid), rustix::process::WaitOptions::empty())?;
    let code = ended.map_or(255, |(_, status)| {
        let signal = || 128 + status.terminating_signal().unwrap_or(127);
        status.exit_status().unwrap_or_else(signal)
    });
    super::control::remove(&state)?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}
