//! The command line of runc, so that containerd's shim can run on it.

use std::ffi::CString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use styr_kernel::cgroups::{Cgroup, Cgroups};
use styr_kernel::{mounts, process};

mod arguments;
mod control;
mod create;
mod exec;
mod hooks;
mod report;
mod state;

use arguments::Arguments;

use crate::spec::Linux;

/// The program's own name for its subcommand.
pub const NAME: &str = "runc";
const VERSION: &str = "1.2.1";
const SEALED: &str = "STYR_SEALED";

type Command = fn(&Global, &mut Arguments) -> anyhow::Result<ExitCode>;

static COMMANDS: &[(&str, Command)] = &[
    ("create", create::create),
    ("run", create::run),
    ("start", create::start),
    ("exec", exec::exec),
    ("kill", control::kill),
    ("delete", control::delete),
    ("pause", control::pause),
    ("resume", control::resume),
    ("update", control::update),
    ("state", report::state),
    ("list", report::list),
    ("ps", report::ps),
    ("features", report::features),
    ("spec", report::spec),
];

/// Options before the command.
#[derive(Debug)]
struct Global {
    root: PathBuf,
    log: Option<PathBuf>,
    log_as_json: bool,
}

/// The control group of a container, which may be none.
fn cgroup_of(linux: &Linux) -> anyhow::Result<Option<Cgroup>> {
    crate::launch::cgroup_of(linux, &Cgroups::detect()?)
}

/// Runs one command to its end. The process must have a single thread.
pub fn command(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::new(arguments);
    let mut global = Global {
        root: PathBuf::from("/run/runc"),
        log: None,
        log_as_json: false,
    };
    let name = loop {
        let Some(argument) = arguments.next() else {
            bail!("runc needs a command: {}", names());
        };
        let Some((option, value)) = arguments::option(&argument) else {
            break argument;
        };
        match option {
            "root" => global.root = arguments.value(option, value)?.into(),
            "log" => global.log = Some(arguments.value(option, value)?.into()),
            "log-format" => global.log_as_json = arguments.value(option, value)? == "json",
            "criu" | "rootless" => drop(arguments.value(option, value)?),
            "debug" | "systemd-cgroup" => {
                if option == "systemd-cgroup" && value != Some("false") {
                    bail!("systemd's cgroup driver is not implemented; use cgroupfs");
                }
            }
            "version" | "v" => {
                say(&format!(
                    "runc version {VERSION}\nspec: {}\n",
                    state::OCI_VERSION
                ))?;
                return Ok(ExitCode::SUCCESS);
            }
            other => bail!("unknown option --{other} of runc"),
        }
    };
    let Some((_, run)) = COMMANDS.iter().find(|(known, _)| *known == name) else {
        bail!("runc has no command {name:?}; there are {}", names());
    };
    let result = run(&global, &mut arguments);
    if let Err(error) = &result {
        global.note(&format!("{error:#}"));
    }
    result
}

fn names() -> String {
    COMMANDS
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(", ")
}

impl Global {
    /// The caller reads errors from the log.
    fn note(&self, text: &str) {
        let Some(path) = &self.log else { return };
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let line = if self.log_as_json {
            serde_json::json!({"level": "error", "msg": text, "time": time.to_string()}).to_string()
        } else {
            format!("time={:?} level=error msg={text:?}", time.to_string())
        };
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        if let Ok(mut file) = file {
            let _ = writeln!(file, "{line}");
        }
    }
}

/// Writes to standard output.
fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Starts this program again from a copy that nobody can write to, unless it runs from one: a
/// container could otherwise reach the file through `/proc` and change what runs next time.
fn seal() -> anyhow::Result<()> {
    if std::env::var_os(SEALED).is_some() {
        return Ok(());
    }
    let (held, path) = mounts::sealed_program(Path::new("/proc/self/exe"))
        .context("could not protect the own program")?;
    let c_string = |text: &std::ffi::OsStr| CString::new(text.as_bytes());
    let arguments: Result<Vec<_>, _> = std::env::args_os().map(|text| c_string(&text)).collect();
    let mut environment = Vec::new();
    for (mut entry, value) in std::env::vars_os() {
        entry.push("=");
        entry.push(value);
        environment.push(c_string(&entry)?);
    }
    environment.push(CString::new(format!("{SEALED}=1"))?);
    let error = process::execute(&c_string(path.as_os_str())?, &arguments?, &environment);
    drop(held);
    Err(error).context("could not start the protected program")
}
