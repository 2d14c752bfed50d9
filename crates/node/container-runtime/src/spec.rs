//! From what kubelet asks for to an OCI configuration.

use std::path::PathBuf;

use anyhow::{Context, bail};
use styr_cri::v1;
use styr_kernel::process::capabilities as kernel_capabilities;
use styr_oci::spec::{
    Capabilities, Cpu, DeviceAccess, HugepageLimit, Linux, Memory, Mount, Namespace, Pids, Process,
    Resources, Root, Seccomp, Spec, User,
};

use crate::images::Image;

mod defaults;
mod devices;
pub(crate) mod files;
mod mounts;
pub(crate) mod users;

use defaults::DEFAULT_CAPABILITIES;

const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const OCI_VERSION: &str = "1.2.1";

/// What the configuration is made from.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    pub(crate) config: &'a v1::ContainerConfig,
    pub(crate) image: &'a Image,
    /// Folders of the image's layers, the topmost first.
    pub(crate) layers: &'a [PathBuf],
    /// The pod's own files: `hostname`, `resolv.conf`, `shm`.
    pub(crate) pod_folder: &'a std::path::Path,
    pub(crate) cgroup: String,
    /// Where images given as volumes are mounted.
    pub(crate) image_mounts: Vec<PathBuf>,
    /// The pid namespace to join, for ephemeral containers.
    pub(crate) target_pid: Option<i32>,
}

/// The configuration, and the user that was found.
pub(crate) fn build(input: &Input<'_>) -> anyhow::Result<(Spec, User)> {
    let config = input.config;
    let linux = config.linux.clone().unwrap_or_default();
    let security = linux.security_context.unwrap_or_default();
    refuse(&security)?;
    let user = users::resolve(&security, input.image, input.layers)?;
    let capabilities = capabilities(&security)?;
    let seccomp = seccomp(&security, &capabilities.bounding)?;
    let (mounts, propagation) = mounts::build(input, &security)?;
    let privileged = security.privileged;
    let resources = linux.resources.as_ref();
    let devices = devices::build(&config.devices, privileged)?;
    let paths = |given: &[String]| given.iter().map(PathBuf::from).collect::<Vec<_>>();
    // An empty list is kubelet's way to say that nothing is masked (procMount Unmasked).
    let (masked, readonly) = if privileged {
        (Vec::new(), Vec::new())
    } else {
        (
            paths(&security.masked_paths),
            paths(&security.readonly_paths),
        )
    };
    let spec = Spec {
        oci_version: OCI_VERSION.to_owned(),
        process: Some(process(input, &security, user.clone(), capabilities)?),
        root: Some(Root {
            path: "rootfs".into(),
            readonly: security.readonly_rootfs,
        }),
        mounts,
        annotations: config.annotations.clone().into_iter().collect(),
        linux: Some(Linux {
            namespaces: namespaces(&security, input.target_pid),
            devices: devices.files,
            cgroups_path: input.cgroup.clone(),
            resources: Some(limits(resources, devices.rules)),
            rootfs_propagation: propagation.to_owned(),
            seccomp,
            masked_paths: masked,
            readonly_paths: readonly,
            ..Linux::default()
        }),
        ..Spec::default()
    };
    Ok((spec, user))
}

fn refuse(security: &v1::LinuxContainerSecurityContext) -> anyhow::Result<()> {
    use v1::security_profile::ProfileType;
    let options = security.namespace_options.clone().unwrap_or_default();
    if options
        .userns_options
        .is_some_and(|user| user.mode() == v1::NamespaceMode::Pod)
    {
        bail!("user namespaces are not implemented");
    }
    if let Some(profile) = &security.apparmor
        && profile.profile_type() == ProfileType::Localhost
    {
        bail!(
            "apparmor is not implemented (profile {:?})",
            profile.localhost_ref
        );
    }
    Ok(())
}

fn process(
    input: &Input<'_>,
    security: &v1::LinuxContainerSecurityContext,
    user: User,
    capabilities: Capabilities,
) -> anyhow::Result<Process> {
    let (config, image) = (input.config, &input.image.config);
    let mut args = if config.command.is_empty() {
        image.entrypoint.clone()
    } else {
        config.command.clone()
    };
    // The image's arguments belong to its own entry point.
    if config.args.is_empty() && config.command.is_empty() {
        args.extend(image.cmd.iter().cloned());
    } else {
        args.extend(config.args.iter().cloned());
    }
    if args.is_empty() {
        bail!("no command specified");
    }
    let mut env = Vec::new();
    if config.tty {
        env.push("TERM=xterm".to_owned());
    }
    let hostname = std::fs::read_to_string(input.pod_folder.join(files::HOSTNAME));
    if let Ok(hostname) = hostname {
        env.push(format!("HOSTNAME={}", hostname.trim()));
    }
    for entry in &image.env {
        set(&mut env, entry.clone());
    }
    for variable in &config.envs {
        let value = String::from_utf8_lossy(&variable.value);
        set(&mut env, format!("{}={value}", variable.key));
    }
    if !env.iter().any(|entry| entry.starts_with("PATH=")) {
        env.insert(0, DEFAULT_PATH.to_owned());
    }
    let cwd = [&config.working_dir, &image.working_dir]
        .into_iter()
        .find(|path| !path.is_empty());
    let score = config
        .linux
        .as_ref()
        .and_then(|linux| linux.resources.as_ref());
    Ok(Process {
        terminal: config.tty,
        user,
        args,
        env,
        cwd: cwd.cloned().unwrap_or_else(|| "/".to_owned()),
        capabilities: Some(capabilities),
        no_new_privileges: security.no_new_privs,
        oom_score_adj: score.map(|resources| i32::try_from(resources.oom_score_adj).unwrap_or(0)),
        ..Process::default()
    })
}

/// Sets a variable, instead of one of the same name.
fn set(env: &mut Vec<String>, entry: String) {
    let name = entry
        .split_once('=')
        .map_or(entry.as_str(), |(name, _)| name)
        .to_owned();
    let is_same = |known: &String| known.split_once('=').map_or(known.as_str(), |(n, _)| n) == name;
    match env.iter_mut().find(|known| is_same(known)) {
        Some(known) => *known = entry,
        None => env.push(entry),
    }
}

fn capabilities(security: &v1::LinuxContainerSecurityContext) -> anyhow::Result<Capabilities> {
    if security.privileged {
        let all = kernel_capabilities::permitted_names()?;
        return Ok(Capabilities {
            bounding: all.clone(),
            effective: all.clone(),
            permitted: all,
            ..Capabilities::default()
        });
    }
    let asked = security.capabilities.clone().unwrap_or_default();
    let all = kernel_capabilities::names();
    let full = |name: &String| {
        let upper = name.to_ascii_uppercase();
        if upper.starts_with("CAP_") {
            upper
        } else {
            format!("CAP_{upper}")
        }
    };
    let has_all = |names: &[String]| names.iter().any(|name| name.eq_ignore_ascii_case("ALL"));
    let mut held: Vec<String> = DEFAULT_CAPABILITIES
        .iter()
        .map(|&name| name.to_owned())
        .collect();
    if has_all(&asked.add_capabilities) {
        held = all.iter().map(|&name| name.to_owned()).collect();
    }
    if has_all(&asked.drop_capabilities) {
        held.clear();
    }
    for name in asked
        .add_capabilities
        .iter()
        .filter(|name| !name.eq_ignore_ascii_case("ALL"))
    {
        let name = full(name);
        if !all.contains(&name.as_str()) {
            bail!("unknown capability {name:?}");
        }
        if !held.contains(&name) {
            held.push(name);
        }
    }
    let dropped: Vec<_> = asked.drop_capabilities.iter().map(full).collect();
    held.retain(|name| !dropped.contains(name));
    let ambient: Vec<_> = asked.add_ambient_capabilities.iter().map(full).collect();
    for name in &ambient {
        if !held.contains(name) {
            held.push(name.clone());
        }
    }
    Ok(Capabilities {
        bounding: held.clone(),
        effective: held.clone(),
        permitted: held,
        inheritable: ambient.clone(),
        ambient,
    })
}

fn seccomp(
    security: &v1::LinuxContainerSecurityContext,
    bounding: &[String],
) -> anyhow::Result<Option<Seccomp>> {
    use v1::security_profile::ProfileType;
    let Some(profile) = &security.seccomp else {
        return Ok(None);
    };
    if security.privileged {
        return Ok(None);
    }
    match profile.profile_type() {
        ProfileType::Unconfined => Ok(None),
        ProfileType::RuntimeDefault => Ok(Some(Seccomp::of(
            &styr_kernel::seccomp::runtime_default(bounding),
        ))),
        ProfileType::Localhost => {
            let path = profile.localhost_ref.trim_start_matches("localhost/");
            let path = if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            };
            let text = std::fs::read(&path)
                .with_context(|| format!("failed to load seccomp profile {path:?}"))?;
            let profile = serde_json::from_slice(&text)
                .with_context(|| format!("could not understand seccomp profile {path:?}"))?;
            Ok(Some(profile))
        }
    }
}

fn namespaces(security: &v1::LinuxContainerSecurityContext, target: Option<i32>) -> Vec<Namespace> {
    let options = security.namespace_options.clone().unwrap_or_default();
    let mut found = vec![Namespace {
        kind: "mount".to_owned(),
        path: None,
    }];
    // A pod-wide namespace is filled in by the pod's init, which holds it.
    match (options.pid(), target) {
        (v1::NamespaceMode::Target, Some(pid)) => found.push(Namespace {
            kind: "pid".to_owned(),
            path: Some(format!("/proc/{pid}/ns/pid").into()),
        }),
        (v1::NamespaceMode::Node, _) => {}
        _ => found.push(Namespace {
            kind: "pid".to_owned(),
            path: None,
        }),
    }
    found.push(Namespace {
        kind: "cgroup".to_owned(),
        path: None,
    });
    found
}

/// Limits in OCI's terms.
pub(crate) fn limits(
    given: Option<&v1::LinuxContainerResources>,
    devices: Vec<DeviceAccess>,
) -> Resources {
    let given = given.cloned().unwrap_or_default();
    let some = |number: i64| Some(number).filter(|&number| number != 0);
    let memory = Memory {
        limit: some(given.memory_limit_in_bytes),
        swap: some(given.memory_swap_limit_in_bytes),
    };
    Resources {
        devices,
        memory: Some(memory),
        cpu: Some(Cpu {
            shares: u64::try_from(given.cpu_shares)
                .ok()
                .filter(|&shares| shares != 0),
            quota: some(given.cpu_quota),
            period: u64::try_from(given.cpu_period)
                .ok()
                .filter(|&period| period != 0),
            cpus: given.cpuset_cpus,
            mems: given.cpuset_mems,
        }),
        pids: None::<Pids>,
        hugepage_limits: given
            .hugepage_limits
            .into_iter()
            .map(|pages| HugepageLimit {
                page_size: pages.page_size,
                limit: pages.limit,
            })
            .collect(),
        unified: given.unified.into_iter().collect(),
    }
}

/// A mount in the configuration.
fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Mount {
    Mount {
        destination: destination.into(),
        kind: kind.to_owned(),
        source: source.to_owned(),
        options: options.iter().map(|&option| option.to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests;
