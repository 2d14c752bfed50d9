//! `state`, `list`, `ps`, `features`, `spec`.

use std::fs;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::arguments::single;
use super::cgroup_of;
use super::state::{OCI_VERSION, State};
use super::{Arguments, Global, say};

pub(super) fn state(global: &Global, arguments: &mut Arguments) -> anyhow::Result<ExitCode> {
    let id = single(arguments.operands(|_, _, _| Ok(false))?)?;
    let told = State::read(global, &id)?.told()?;
    say(&format!("{}\n", serde_json::to_string_pretty(&told)?))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn list(global: &Global, arguments: &mut Arguments) -> anyhow::Result<ExitCode> {
    let mut format = "table".to_owned();
    let mut quiet = false;
    arguments.operands(|name, value, rest| {
        match name {
            "format" | "f" => format = rest.value(name, value)?,
            "quiet" | "q" => quiet = true,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let mut found = Vec::new();
    if let Ok(entries) = fs::read_dir(&global.root) {
        for entry in entries {
            let id = entry?.file_name().to_string_lossy().into_owned();
            // One that is being made or removed is left out.
            if let Ok(told) = State::read(global, &id).and_then(|state| state.told()) {
                found.push(told);
            }
        }
    }
    let mut text = String::new();
    if format == "json" {
        text = serde_json::to_string(&found)?;
    } else {
        if !quiet {
            text.push_str("ID          PID         STATUS      BUNDLE      CREATED\n");
        }
        for one in &found {
            let rest = format!(
                "{:<11} {:<11} {:<11} {}",
                one.pid,
                one.status,
                one.bundle.display(),
                one.created
            );
            let line = if quiet {
                one.id.clone()
            } else {
                format!("{:<11} {rest}", one.id)
            };
            text.push_str(&line);
            text.push('\n');
        }
    }
    say(&text)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn ps(global: &Global, arguments: &mut Arguments) -> anyhow::Result<ExitCode> {
    let mut operands = arguments.operands(|name, value, rest| {
        if matches!(name, "format" | "f") {
            rest.value(name, value)?;
            return Ok(true);
        }
        Ok(false)
    })?;
    // Options after the id choose columns of ps; only the ids are implemented.
    operands.truncate(1);
    let spec = State::read(global, &single(operands)?)?.spec()?;
    let group = cgroup_of(&spec.linux())?.context("the container has no control group")?;
    say(&serde_json::to_string(&group.processes()?)?)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn features(_: &Global, _: &mut Arguments) -> anyhow::Result<ExitCode> {
    let features = json!({
        "ociVersionMin": "1.0.0",
        "ociVersionMax": OCI_VERSION,
        "hooks": ["prestart", "createRuntime", "poststart", "poststop"],
        "mountOptions": [
            "atime", "bind", "dev", "diratime", "exec", "noatime", "nodev", "nodiratime", "noexec",
            "nosuid", "nosymfollow", "private", "rbind", "relatime", "ro", "rprivate", "rro",
            "rshared", "rslave", "runbindable", "rw", "shared", "slave", "strictatime", "suid",
            "symfollow", "unbindable"
        ],
        "linux": {
            "namespaces": ["cgroup", "ipc", "mount", "network", "pid", "uts"],
            "capabilities": styr_kernel::process::capabilities::names(),
            "cgroup": {"v1": true, "v2": true, "systemd": false, "systemdUser": false, "rdma": false},
            "seccomp": {"enabled": true},
            "apparmor": {"enabled": false},
            "selinux": {"enabled": false},
            "mountExtensions": {"idmap": {"enabled": false}}
        }
    });
    say(&format!("{}\n", serde_json::to_string_pretty(&features)?))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn spec(_: &Global, _: &mut Arguments) -> anyhow::Result<ExitCode> {
    let capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
    let namespaces =
        ["pid", "network", "ipc", "uts", "mount", "cgroup"].map(|kind| json!({"type": kind}));
    let options = ["nosuid", "noexec", "nodev"];
    let spec = json!({
        "ociVersion": OCI_VERSION,
        "process": {
            "terminal": true, "user": {"uid": 0, "gid": 0}, "args": ["sh"], "cwd": "/",
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "capabilities": {
                "bounding": capabilities, "effective": capabilities, "permitted": capabilities
            },
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": true
        },
        "root": {"path": "rootfs", "readonly": true},
        "hostname": "runc",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
             "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
            {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": options},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs",
             "options": ["nosuid", "noexec", "nodev", "ro"]}
        ],
        "linux": {
            "resources": {"devices": [{"allow": false, "access": "rwm"}]},
            "namespaces": namespaces,
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
        }
    });
    std::fs::write("config.json", serde_json::to_vec_pretty(&spec)?)
        .context("could not write config.json")?;
    Ok(ExitCode::SUCCESS)
}
