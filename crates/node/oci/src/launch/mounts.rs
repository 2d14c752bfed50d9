//! The container's file system tree.
//!
//! Copies of all sources are taken first, while they still are peers of the machine's mounts; then
//! everything of this namespace becomes private, and the tree is built without anybody seeing it.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::Context;
use styr_kernel::cgroups::{Cgroup, Cgroups};
use styr_kernel::mounts::{self, Attributes, Propagation, READ_ONLY};

use super::options::MountOptions;
use super::{Container, devices};
use crate::paths;
use crate::spec::{Linux, Mount};

const SYSTEM_FLAGS: u64 = READ_ONLY | mounts::NO_SUID | mounts::NO_DEV | mounts::NO_EXEC;

pub(super) struct Tree<'a> {
    container: &'a Container<'a>,
    linux: &'a Linux,
    mounts: Vec<Planned<'a>>,
    root: OwnedFd,
    read_only: bool,
}

struct Planned<'a> {
    mount: &'a Mount,
    options: MountOptions,
    source: Source,
}

enum Source {
    Tree { tree: OwnedFd, is_folder: bool },
    Cgroup(Vec<(String, OwnedFd)>),
    New,
}

impl<'a> Tree<'a> {
    /// Takes copies of what will be mounted.
    pub(super) fn open(
        container: &'a Container<'a>,
        linux: &'a Linux,
        group: Option<&Cgroup>,
    ) -> anyhow::Result<Self> {
        let root = Path::new("/");
        let shared = matches!(linux.rootfs_propagation.as_str(), "shared" | "rshared");
        if !shared {
            mounts::propagate(root, Propagation::Slave, true)
                .context("could not separate the mounts from the machine's")?;
        }
        let mut planned = Vec::new();
        for mount in &container.spec.mounts {
            let options = MountOptions::parse(&mount.options);
            let source = if options.bind {
                let source = container.bundle.join(&mount.source);
                let is_folder = source
                    .metadata()
                    .with_context(|| format!("could not find the source {}", source.display()))?
                    .is_dir();
                let tree = mounts::copy(&source, options.recursive)
                    .with_context(|| format!("could not copy the mount {}", source.display()))?;
                Source::Tree { tree, is_folder }
            } else if mount.kind == "cgroup" {
                Source::Cgroup(copy_group(container.cgroups, group)?)
            } else {
                Source::New
            };
            planned.push(Planned {
                mount,
                options,
                source,
            });
        }
        let spec_root = container.spec.root.clone().unwrap_or_default();
        let tree = match container.overlay {
            Some(overlay) => mounts::overlay(&overlay.lower, &overlay.upper, &overlay.work)
                .context("could not make the overlay of the image")?,
            None => {
                let path = container.bundle.join(&spec_root.path);
                mounts::copy(&path, true).with_context(|| {
                    format!("could not copy the root file system {}", path.display())
                })?
            }
        };
        mounts::propagate(root, Propagation::Private, true)
            .context("could not make the mounts private")?;
        Ok(Self {
            container,
            linux,
            mounts: planned,
            root: tree,
            read_only: spec_root.readonly,
        })
    }

    /// Puts everything together below the bundle; answers the root.
    pub(super) fn build(&self) -> anyhow::Result<OwnedFd> {
        let point = self.container.bundle.to_owned();
        let target = mounts::open_point(&point)
            .with_context(|| format!("could not open {}", point.display()))?;
        mounts::attach(self.root.as_fd(), target.as_fd())
            .context("could not mount the root file system")?;
        mounts::propagate(&point, Propagation::Private, true)?;
        let root = mounts::open_point(&point)?;
        for planned in &self.mounts {
            self.mount(planned, &root).with_context(|| {
                format!("could not mount {}", planned.mount.destination.display())
            })?;
        }
        let has_own_dev = self.container.spec.mounts.iter().any(|mount| {
            mount.destination == Path::new("/dev")
                && !mount.options.iter().any(|o| o.ends_with("bind"))
        });
        if has_own_dev {
            devices::make(root.as_fd(), &self.linux.devices)?;
        }
        Ok(root)
    }

    fn mount(&self, planned: &Planned<'_>, root: &OwnedFd) -> anyhow::Result<()> {
        let Planned {
            mount,
            options,
            source,
        } = planned;
        let (tree, is_folder) = match source {
            Source::Tree { tree, is_folder } => (tree, *is_folder),
            Source::Cgroup(copies) => return mount_group(copies, mount, options, root),
            Source::New => (&create(mount, options)?, true),
        };
        let target = paths::ensure(root.as_fd(), &mount.destination, is_folder)?;
        let propagation = match options.propagation {
            Some(chosen) => Some(chosen),
            None if options.bind => Some((Propagation::Private, true)),
            None => None,
        };
        // What came as a copy of a shared mount is a peer, so a slave is made of it here.
        mounts::attach(tree.as_fd(), target.as_fd())?;
        if let Some((propagation, recursive)) = propagation
            && propagation != Propagation::Shared
        {
            mounts::propagate(&by_descriptor(tree), propagation, recursive)
                .context("could not set the propagation")?;
        }
        if options.attributes != Attributes::default() && options.bind {
            mounts::set_attributes(tree.as_fd(), options.attributes, false)
                .context("could not set flags")?;
        } else if options.attributes != Attributes::default() {
            mounts::set_attributes(tree.as_fd(), options.attributes, false)?;
        }
        if options.recursive_attributes != Attributes::default() {
            mounts::set_attributes(tree.as_fd(), options.recursive_attributes, true)
                .context("could not set flags recursively")?;
        }
        Ok(())
    }

    /// Makes the tree the root of this process.
    pub(super) fn enter(&self, root: &OwnedFd) -> anyhow::Result<()> {
        let path = by_descriptor(root);
        let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
        let folder = rustix::fs::open(&path, flags, rustix::fs::Mode::empty())?;
        mounts::pivot(folder.as_fd()).context("could not change the root")
    }

    /// Opens the named pipe to wait at, which lies outside.
    pub(super) fn hold(&self, path: &Path) -> anyhow::Result<OwnedFd> {
        mounts::open_point(path).with_context(|| format!("could not open {}", path.display()))
    }

    /// What is done last: hiding and protecting paths, and the root itself.
    pub(super) fn finish(&self) -> anyhow::Result<()> {
        for path in &self.linux.readonly_paths {
            protect(path).with_context(|| format!("could not protect {}", path.display()))?;
        }
        for path in &self.linux.masked_paths {
            mask(path).with_context(|| format!("could not hide {}", path.display()))?;
        }
        if self.read_only {
            let root = mounts::open_point(Path::new("/"))?;
            let read_only = Attributes {
                set: READ_ONLY,
                clear: 0,
            };
            mounts::set_attributes(root.as_fd(), read_only, false)
                .context("could not make the root file system read-only")?;
        }
        Ok(())
    }
}

fn by_descriptor(file: &OwnedFd) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn create(mount: &Mount, options: &MountOptions) -> anyhow::Result<OwnedFd> {
    let source = if mount.source.is_empty() {
        &mount.kind
    } else {
        &mount.source
    };
    let data = options.data.iter().map(String::as_str);
    Ok(mounts::create(&mount.kind, Some(source.as_str()), data)?)
}

/// The container's own groups, by the names of the places where the machine has them.
fn copy_group(cgroups: &Cgroups, group: Option<&Cgroup>) -> anyhow::Result<Vec<(String, OwnedFd)>> {
    let root;
    let group = match group {
        Some(group) => group,
        None => {
            root = cgroups.open("/")?;
            &root
        }
    };
    let points = cgroups.hierarchies();
    let mut copies = Vec::new();
    for ((path, _), (point, controllers)) in group.paths().zip(points) {
        let name = if controllers == [""] {
            String::new()
        } else {
            point
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        copies.push((name, mounts::copy(path, false)?));
    }
    Ok(copies)
}

fn mount_group(
    copies: &[(String, OwnedFd)],
    mount: &Mount,
    options: &MountOptions,
    root: &OwnedFd,
) -> anyhow::Result<()> {
    let target = paths::ensure(root.as_fd(), &mount.destination, true)?;
    let writable = options.attributes.set & READ_ONLY == 0;
    let flags = if writable {
        SYSTEM_FLAGS & !READ_ONLY
    } else {
        SYSTEM_FLAGS
    };
    let attributes = Attributes {
        set: flags,
        clear: 0,
    };
    if let [(name, tree)] = copies
        && name.is_empty()
    {
        mounts::attach(tree.as_fd(), target.as_fd())?;
        return Ok(mounts::set_attributes(tree.as_fd(), attributes, false)?);
    }
    let base = mounts::create("tmpfs", Some("tmpfs"), ["mode=755"])?;
    mounts::attach(base.as_fd(), target.as_fd())?;
    for (name, tree) in copies {
        let target = paths::ensure(base.as_fd(), Path::new(name), true)?;
        mounts::attach(tree.as_fd(), target.as_fd())?;
        mounts::set_attributes(tree.as_fd(), attributes, false)?;
    }
    Ok(mounts::set_attributes(base.as_fd(), attributes, false)?)
}

/// Read-only, with all that is mounted below it.
fn protect(path: &Path) -> anyhow::Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let tree = mounts::copy(path, true)?;
    mounts::set_attributes(
        tree.as_fd(),
        Attributes {
            set: READ_ONLY,
            clear: 0,
        },
        true,
    )?;
    Ok(mounts::attach(
        tree.as_fd(),
        mounts::open_point(path)?.as_fd(),
    )?)
}

/// Something empty instead.
fn mask(path: &Path) -> anyhow::Result<()> {
    let Ok(found) = path.metadata() else {
        return Ok(());
    };
    let tree = if found.is_dir() {
        let tree = mounts::create("tmpfs", Some("tmpfs"), ["size=0"])?;
        mounts::set_attributes(
            tree.as_fd(),
            Attributes {
                set: READ_ONLY,
                clear: 0,
            },
            false,
        )?;
        tree
    } else {
        mounts::copy(Path::new("/dev/null"), false)?
    };
    Ok(mounts::attach(
        tree.as_fd(),
        mounts::open_point(path)?.as_fd(),
    )?)
}
