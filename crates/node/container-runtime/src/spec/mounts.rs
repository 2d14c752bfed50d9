//! Mounts of a container: the kernel's, the pod's, and those that kubelet asks for.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use styr_cri::v1;
use styr_kernel::mounts::{MountInfo, list};
use styr_oci::spec::Mount;

use super::files::{HOSTNAME, HOSTS, RESOLV_CONF, SHM};
use super::{Input, mount};

/// The mounts, parents before what lies in them, and the propagation that they need of the root.
pub(super) fn build(
    input: &Input<'_>,
    security: &v1::LinuxContainerSecurityContext,
) -> anyhow::Result<(Vec<Mount>, &'static str)> {
    let mut all = system(security.privileged);
    let options = security.namespace_options.clone().unwrap_or_default();
    let shm = match options.ipc() {
        v1::NamespaceMode::Node => PathBuf::from("/dev/shm"),
        _ => input.pod_folder.join(SHM),
    };
    let files = [
        ("/dev/shm", shm),
        ("/etc/hostname", input.pod_folder.join(HOSTNAME)),
        ("/etc/hosts", input.pod_folder.join(HOSTS)),
        ("/etc/resolv.conf", input.pod_folder.join(RESOLV_CONF)),
    ];
    let read_only = security.readonly_rootfs;
    for (target, source) in files {
        let asked = |mount: &v1::Mount| Path::new(&mount.container_path) == Path::new(target);
        if input.config.mounts.iter().any(asked) || !source.exists() {
            continue;
        }
        let mut options = vec!["rbind", "rprivate"];
        if read_only && target != "/dev/shm" {
            options.push("ro");
        }
        all.push(mount(target, "bind", &source.to_string_lossy(), &options));
    }
    // What kubelet asks for replaces a mount of ours at the same place.
    let asked: Vec<_> = input
        .config
        .mounts
        .iter()
        .map(|mount| Path::new(&mount.container_path))
        .collect();
    all.retain(|mount| !asked.contains(&mount.destination.as_path()));
    let table = list()?;
    let mut propagation = "";
    let mut image_mounts = input.image_mounts.iter();
    for given in &input.config.mounts {
        let (one, needs) = convert(given, &table, &mut image_mounts)?;
        if needs == "rshared" || propagation.is_empty() {
            propagation = needs;
        }
        all.push(one);
    }
    all.sort_by_key(|mount| mount.destination.components().count());
    Ok((all, propagation))
}

/// The kernel's own file systems.
fn system(privileged: bool) -> Vec<Mount> {
    let access = if privileged { "rw" } else { "ro" };
    vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount(
            "/dev",
            "tmpfs",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5",
            ],
        ),
        mount(
            "/dev/mqueue",
            "mqueue",
            "mqueue",
            &["nosuid", "noexec", "nodev"],
        ),
        mount(
            "/sys",
            "sysfs",
            "sysfs",
            &["nosuid", "noexec", "nodev", access],
        ),
        mount(
            "/sys/fs/cgroup",
            "cgroup",
            "cgroup",
            &["nosuid", "noexec", "nodev", "relatime", access],
        ),
    ]
}

fn convert<'a>(
    given: &v1::Mount,
    table: &[MountInfo],
    image_mounts: &mut impl Iterator<Item = &'a PathBuf>,
) -> anyhow::Result<(Mount, &'static str)> {
    if !given.uid_mappings.is_empty() || !given.gid_mappings.is_empty() {
        bail!("id-mapped mounts are not implemented");
    }
    let is_image = given
        .image
        .as_ref()
        .is_some_and(|image| !image.image.is_empty());
    let source = if is_image {
        image_mounts
            .next()
            .context("an image volume was not prepared")?
            .clone()
    } else {
        let path = Path::new(&given.host_path);
        if !path.exists() {
            // Kubelet relies on it for volumes of type hostPath without a type.
            std::fs::create_dir_all(path)
                .with_context(|| format!("failed to mkdir {:?}", given.host_path))?;
        }
        std::fs::canonicalize(path)
            .with_context(|| format!("failed to resolve {:?}", given.host_path))?
    };
    let mut options = vec!["rbind".to_owned()];
    let needs = match given.propagation() {
        v1::MountPropagation::PropagationPrivate => {
            options.push("rprivate".to_owned());
            ""
        }
        v1::MountPropagation::PropagationHostToContainer => {
            options.push("rslave".to_owned());
            "rslave"
        }
        v1::MountPropagation::PropagationBidirectional => {
            let under = table.iter().rfind(|mount| source.starts_with(&mount.point));
            if !under.is_some_and(MountInfo::is_shared) {
                bail!(
                    "path {:?} is mounted on a mount that is not shared",
                    given.host_path
                );
            }
            options.push("rshared".to_owned());
            "rshared"
        }
    };
    let read_only = given.readonly || is_image;
    options.push(if read_only { "ro" } else { "rw" }.to_owned());
    if given.recursive_read_only {
        if !given.readonly {
            bail!("recursive_read_only requires readonly");
        }
        options.push("rro".to_owned());
    }
    options.extend(given.mount_options.iter().cloned());
    Ok((
        Mount {
            destination: PathBuf::from(&given.container_path),
            kind: "bind".to_owned(),
            source: source.to_string_lossy().into_owned(),
            options,
        },
        needs,
    ))
}
