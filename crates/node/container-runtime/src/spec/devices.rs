//! Device files of a container, and the rules that let it use them.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use styr_cri::v1;
use styr_oci::spec::{Device, DeviceAccess};

pub(super) struct Devices {
    pub(super) files: Vec<Device>,
    pub(super) rules: Vec<DeviceAccess>,
}

/// Below these, files belong to a mount of their own.
static OTHER_MOUNTS: &[&str] = &[
    "/dev/pts",
    "/dev/shm",
    "/dev/mqueue",
    "/dev/console",
    "/dev/fd",
];

pub(super) fn build(asked: &[v1::Device], privileged: bool) -> anyhow::Result<Devices> {
    let mut files = Vec::new();
    let mut rules = vec![rule(privileged)];
    if privileged {
        collect(Path::new("/dev"), Path::new("/dev"), &mut files)?;
    }
    for device in asked {
        let host = Path::new(&device.host_path);
        let mut found = Vec::new();
        let target = Path::new(&device.container_path);
        if host.is_dir() {
            collect(host, target, &mut found)?;
        } else {
            let one = describe(host, target)
                .with_context(|| format!("could not find the device {}", host.display()))?;
            found.push(one.with_context(|| format!("{} is no device", host.display()))?);
        }
        for file in found {
            rules.push(DeviceAccess {
                allow: true,
                kind: file.kind.clone(),
                major: Some(file.major),
                minor: Some(file.minor),
                access: device.permissions.clone(),
            });
            files.retain(|known: &Device| known.path != file.path);
            files.push(file);
        }
    }
    Ok(Devices { files, rules })
}

fn rule(allow: bool) -> DeviceAccess {
    DeviceAccess {
        allow,
        access: "rwm".to_owned(),
        ..DeviceAccess::default()
    }
}

fn collect(folder: &Path, target: &Path, files: &mut Vec<Device>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, inside) = (entry.path(), target.join(entry.file_name()));
        if OTHER_MOUNTS.iter().any(|other| path == Path::new(other)) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&path, &inside, files)?;
        } else if let Ok(Some(device)) = describe(&path, &inside) {
            files.push(device);
        }
    }
    Ok(())
}

/// `None` for a file that is no device.
fn describe(path: &Path, target: &Path) -> std::io::Result<Option<Device>> {
    let found = path.symlink_metadata()?;
    let found = if found.is_symlink() && target != path {
        path.metadata()?
    } else {
        found
    };
    let kind = match found.file_type() {
        kind if kind.is_char_device() => "c",
        kind if kind.is_block_device() => "b",
        _ => return Ok(None),
    };
    Ok(Some(Device {
        path: PathBuf::from(target),
        kind: kind.to_owned(),
        major: i64::from(rustix::fs::major(found.rdev())),
        minor: i64::from(rustix::fs::minor(found.rdev())),
        file_mode: Some(found.mode() & 0o7777),
        uid: Some(found.uid()),
        gid: Some(found.gid()),
    }))
}
