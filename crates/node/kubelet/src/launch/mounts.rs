//! The mounts of a container: its volumes, `/etc/hosts`, and the file for its last words.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Container, Pod, VolumeMount};
use styr_cri::v1;

use super::{Environment, Failure, expand, hosts, sub_path};
use crate::identity::Annotated;
use crate::pod;
use crate::volumes::Mounted;

const HOSTS: &str = "/etc/hosts";

/// What mounts are made of besides pod and container.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    /// The pod's directory.
    pub(crate) directory: &'a Path,
    pub(crate) volumes: &'a BTreeMap<String, Mounted>,
    /// Images that are mounted, by the volume's name.
    pub(crate) images: &'a BTreeMap<String, String>,
    pub(crate) environment: &'a Environment,
    pub(crate) pod_ips: &'a [String],
    pub(crate) cluster_domain: &'a str,
    /// Distinguishes this run of the container.
    pub(crate) run: &'a str,
}

pub(crate) fn mounts(
    pod: &Pod,
    container: &Container,
    parts: &Parts<'_>,
) -> Result<Vec<v1::Mount>, Failure> {
    let mut out = Vec::new();
    let mut has_hosts = false;
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        has_hosts |= mount.mount_path == HOSTS;
        out.push(volume(container, (index, mount), parts)?);
    }
    let wants_hosts = pod::is_host_network(pod) || !parts.pod_ips.is_empty();
    if !has_hosts && wants_hosts {
        let path = hosts_file(pod, parts).map_err(|error| {
            Failure::config(format!(
                "could not write the hosts file of the pod: {error}"
            ))
        })?;
        out.push(plain(&path, HOSTS));
    }
    let message_path = container
        .termination_message_path
        .as_deref()
        .unwrap_or_default();
    if !message_path.is_empty() {
        let path = message_file(parts.directory, &container.name, parts.run).map_err(|error| {
            Failure::config(format!(
                "could not make the termination log of {}: {error}",
                container.name
            ))
        })?;
        out.push(plain(&path, message_path));
    }
    Ok(out)
}

fn plain(host: &Path, container: &str) -> v1::Mount {
    v1::Mount {
        container_path: container.into(),
        host_path: host.to_string_lossy().into_owned(),
        ..v1::Mount::default()
    }
}

fn volume(
    container: &Container,
    (index, mount): (usize, &VolumeMount),
    parts: &Parts<'_>,
) -> Result<v1::Mount, Failure> {
    let name = &mount.name;
    if let Some(reference) = parts.images.get(name) {
        return Ok(v1::Mount {
            container_path: container_path(&mount.mount_path),
            readonly: true,
            image: Some(v1::ImageSpec {
                image: reference.clone(),
                ..Default::default()
            }),
            image_sub_path: mount.sub_path.clone().unwrap_or_default(),
            ..v1::Mount::default()
        });
    }
    let Some(mounted) = parts.volumes.get(name) else {
        let text = format!(
            "cannot find volume {name:?} to mount into container {:?}",
            container.name
        );
        return Err(Failure::config(text));
    };
    let read_only = mount.read_only == Some(true) || mounted.read_only;
    let part = match (mount.sub_path.as_deref(), mount.sub_path_expr.as_deref()) {
        (_, Some(expression)) if !expression.is_empty() => expanded(expression, parts.environment)?,
        (Some(part), _) => part.to_owned(),
        _ => String::new(),
    };
    let host_path = if part.is_empty() {
        mounted.path.clone()
    } else {
        let prepare = || {
            if !mounted.path.join(&part).exists() {
                sub_path::make(&mounted.path, &part)?;
            }
            let target = parts
                .directory
                .join("volume-subpaths")
                .join(name)
                .join(&container.name)
                .join(index.to_string());
            sub_path::bind(&mounted.path, &part, &target)
        };
        prepare().map_err(|error| {
            Failure::config(format!(
                "failed to prepare subPath for volumeMount {name:?} of container {:?}: {error}",
                container.name
            ))
        })?
    };
    let recursive = mount.recursive_read_only.as_deref() == Some("Enabled");
    Ok(v1::Mount {
        readonly: read_only,
        recursive_read_only: read_only && recursive,
        propagation: propagation(mount.mount_propagation.as_deref()).into(),
        ..plain(&host_path, &container_path(&mount.mount_path))
    })
}

fn container_path(path: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}

fn propagation(mode: Option<&str>) -> v1::MountPropagation {
    match mode {
        Some("HostToContainer") => v1::MountPropagation::PropagationHostToContainer,
        Some("Bidirectional") => v1::MountPropagation::PropagationBidirectional,
        _ => v1::MountPropagation::PropagationPrivate,
    }
}

/// Unlike elsewhere, a name that is not known is an error here.
fn expanded(expression: &str, environment: &Environment) -> Result<String, Failure> {
    let missing = std::cell::RefCell::new(None);
    let text = expand::expand(expression, |name| {
        let value = environment.get(name).cloned();
        if value.is_none() {
            missing.replace(Some(name.to_owned()));
        }
        value
    });
    match missing.into_inner() {
        Some(name) => {
            let text = format!("missing value for {name:?}");
            Err(Failure::config(format!(
                "failed to expand subPathExpr {expression:?}: {text}"
            )))
        }
        None => Ok(text),
    }
}

fn hosts_file(pod: &Pod, parts: &Parts<'_>) -> std::io::Result<PathBuf> {
    let path = parts.directory.join("etc-hosts");
    let aliases = pod::spec(pod).host_aliases.as_deref().unwrap_or_default();
    let text = if pod::is_host_network(pod) {
        // A host without the file knows no names, which is no error.
        let of_host = match std::fs::read_to_string(HOSTS) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        hosts::of_host(&of_host, aliases)
    } else {
        let invalid = |text| std::io::Error::new(std::io::ErrorKind::InvalidInput, text);
        let (name, domain) = hosts::names(pod, parts.cluster_domain).map_err(invalid)?;
        hosts::managed(parts.pod_ips, (&name, &domain), aliases)
    };
    // In place: containers that run already have this very file mounted.
    std::fs::write(&path, text)?;
    set_mode(&path, 0o644)?;
    Ok(path)
}

fn message_file(directory: &Path, container: &str, run: &str) -> std::io::Result<PathBuf> {
    let directory = directory.join("containers").join(container);
    std::fs::create_dir_all(&directory)?;
    let path = directory.join(run);
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)?;
    set_mode(&path, 0o666)?;
    Ok(path)
}

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// The end of a termination message that is kept, as upstream's limits say.
const MESSAGE_BYTES_MAX: usize = 4096;
const LOG_MESSAGE_BYTES_MAX: usize = 2048;
const LOG_MESSAGE_LINES_MAX: usize = 80;

/// What a container said at its end: its message file, else (if wanted) the end of its log.
pub(crate) fn last_words(
    mounts: &[v1::Mount],
    annotated: &Annotated,
    (exit_code, log_path): (i32, &Path),
) -> String {
    let mount = mounts
        .iter()
        .find(|mount| mount.container_path == annotated.message_path);
    if let Some(mount) = mount
        && !annotated.message_path.is_empty()
        && let Ok(bytes) = std::fs::read(&mount.host_path)
        && !bytes.is_empty()
    {
        let start = bytes.len().saturating_sub(MESSAGE_BYTES_MAX);
        return String::from_utf8_lossy(&bytes[start..]).into_owned();
    }
    let from_log = annotated.message_policy == "FallbackToLogsOnError" && exit_code != 0;
    if !from_log {
        return String::new();
    }
    crate::logs::tail(log_path, LOG_MESSAGE_LINES_MAX, LOG_MESSAGE_BYTES_MAX)
}
