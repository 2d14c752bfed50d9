//! Becoming the program: user, rights, limits, and the program itself.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use rustix::fs::{Gid, Mode, Uid};
use styr_kernel::process::capabilities::{self, Set, Sets};
use styr_kernel::process::{self, signals};
use styr_kernel::seccomp::Programs;

use crate::spec::{Capabilities, Process};

const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const FIRST_AFTER_STDIO: u32 = 3;

/// A process that is all but the program.
pub(super) struct Becoming<'a> {
    process: &'a Process,
    seccomp: &'a Programs,
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl<'a> Becoming<'a> {
    /// Gives up everything but what the program may have, and finds it.
    pub(super) fn prepare(process: &'a Process, seccomp: &'a Programs) -> anyhow::Result<Self> {
        for limit in &process.rlimits {
            set_limit(&limit.kind, limit.soft, limit.hard)?;
        }
        own_stdio(process.user.uid);
        let cwd = if process.cwd.is_empty() {
            "/"
        } else {
            &process.cwd
        };
        make_working_folder(Path::new(cwd));
        if !process.no_new_privileges {
            // Needs the right that is given up next.
            seccomp
                .install()
                .context("could not install the seccomp profile")?;
        }
        become_user(process)?;
        if process.no_new_privileges {
            rustix::thread::set_no_new_privs(true).context("could not forbid new privileges")?;
            seccomp
                .install()
                .context("could not install the seccomp profile")?;
        }
        rustix::process::chdir(cwd)
            .with_context(|| format!("could not change to the working folder {cwd}"))?;
        rustix::process::umask(Mode::from_raw_mode(process.user.umask.unwrap_or(0o022)));
        let mut environment = process.env.clone();
        if !environment.iter().any(|entry| entry.starts_with("HOME=")) {
            environment.push(format!("HOME={}", home_of(process.user.uid)));
        }
        let program = find(&process.args[0], &process.env)?;
        let c_strings = |strings: &[String]| {
            let strings = strings.iter().map(|string| CString::new(string.as_bytes()));
            strings
                .collect::<Result<Vec<_>, _>>()
                .context("an argument holds a zero byte")
        };
        Ok(Self {
            process,
            seccomp,
            program: CString::new(program.as_os_str().as_bytes())?,
            arguments: c_strings(&process.args)?,
            environment: c_strings(&environment)?,
        })
    }

    /// Runs the program; comes back only with an error.
    pub(super) fn run(self, preserved: u32) -> anyhow::Result<()> {
        let _ = self.seccomp;
        process::close_on_execute_from(FIRST_AFTER_STDIO + preserved)
            .context("could not close descriptors")?;
        signals::reset();
        let error = process::execute(&self.program, &self.arguments, &self.environment);
        Err(anyhow!("exec: {:?}: {error}", self.process.args[0]))
    }
}

/// What this process lacks CAP_SYS_RESOURCE to raise stays at its own limit.
fn set_limit(kind: &str, soft: u64, hard: u64) -> anyhow::Result<()> {
    match process::set_limit(kind, soft, hard) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            tracing::warn!(kind, soft, hard, "limit cannot be raised on this machine");
            Ok(())
        }
        Err(error) => Err(error).with_context(|| format!("could not set {kind}")),
    }
}

/// Programs open `/dev/stdout` again, which asks for the file's owner.
fn own_stdio(uid: u32) {
    if uid == 0 {
        return;
    }
    let owner = Some(Uid::from_raw(uid));
    for stream in [
        rustix::stdio::stdin(),
        rustix::stdio::stdout(),
        rustix::stdio::stderr(),
    ] {
        let is_pipe = rustix::fs::fstat(stream).is_ok_and(|found| {
            let kind = rustix::fs::FileType::from_raw_mode(found.st_mode);
            kind == rustix::fs::FileType::Fifo
        });
        if is_pipe {
            let _ = rustix::fs::fchown(stream, owner, None);
        }
    }
}

fn make_working_folder(path: &Path) {
    if !path.exists() {
        // If it cannot be made, changing to it says why.
        let _ = std::fs::create_dir_all(path);
    }
}

fn become_user(process: &Process) -> anyhow::Result<()> {
    let empty = Capabilities::default();
    let wanted = process.capabilities.as_ref().unwrap_or(&empty);
    capabilities::limit_bounding(Set::of(&wanted.bounding))
        .context("could not limit capabilities")?;
    rustix::thread::set_keep_capabilities(true).context("could not keep capabilities")?;
    let groups: Vec<_> = process
        .user
        .additional_gids
        .iter()
        .map(|&id| Gid::from_raw(id))
        .collect();
    rustix::thread::set_thread_groups(&groups).context("could not set the groups")?;
    let group = Gid::from_raw(process.user.gid);
    rustix::thread::set_thread_res_gid(group, group, group).context("could not set the group")?;
    let user = Uid::from_raw(process.user.uid);
    rustix::thread::set_thread_res_uid(user, user, user).context("could not set the user")?;
    rustix::thread::set_keep_capabilities(false).context("could not keep capabilities")?;
    capabilities::apply(Sets {
        bounding: Set::of(&wanted.bounding),
        effective: Set::of(&wanted.effective),
        permitted: Set::of(&wanted.permitted),
        inheritable: Set::of(&wanted.inheritable),
        ambient: Set::of(&wanted.ambient),
    })
    .context("could not set capabilities")
}

fn home_of(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let home = users.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let is_user = fields.get(2)?.parse() == Ok(uid);
        is_user
            .then(|| fields.get(5).map(|&home| home.to_owned()))
            .flatten()
    });
    home.filter(|home| !home.is_empty())
        .unwrap_or_else(|| "/".to_owned())
}

/// Finds the program as a shell would.
fn find(name: &str, environment: &[String]) -> anyhow::Result<PathBuf> {
    if name.contains('/') {
        let path = PathBuf::from(name);
        let error = match path.metadata() {
            Ok(found) if found.is_dir() => "is a directory".to_owned(),
            Ok(found) if found.permissions().mode() & 0o111 == 0 => "permission denied".to_owned(),
            Ok(_) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                "no such file or directory".to_owned()
            }
            // Seeing it is not needed to run it; the kernel decides.
            Err(_) => return Ok(path),
        };
        return Err(anyhow!("exec: {name:?}: stat {name}: {error}"));
    }
    let search = environment
        .iter()
        .rev()
        .find_map(|entry| entry.strip_prefix("PATH="));
    for folder in search.unwrap_or(DEFAULT_PATH).split(':') {
        let path = Path::new(if folder.is_empty() { "." } else { folder }).join(name);
        let runs = path
            .metadata()
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
        if runs {
            return Ok(path);
        }
    }
    Err(anyhow!(
        "exec: {name:?}: executable file not found in $PATH"
    ))
}
