//! Users and groups, by number or by the image's own names.

use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use styr_cri::v1;
use styr_oci::paths;
use styr_oci::spec::User;

use crate::images::Image;

/// Longer files of users are cut.
const LONGEST: u64 = 1 << 20;

/// The user of a container: what kubelet says, else what the image says, else root.
pub(crate) fn resolve(
    security: &v1::LinuxContainerSecurityContext,
    image: &Image,
    layers: &[PathBuf],
) -> anyhow::Result<User> {
    let users = read(layers, "etc/passwd");
    let groups = read(layers, "etc/group");
    let (mut name, mut group) = split(&image.config.user);
    if let Some(user) = &security.run_as_user {
        name = user.value.to_string();
        group = None;
    } else if !security.run_as_username.is_empty() {
        (name, group) = split(&security.run_as_username);
    }
    let known = find_user(&users, &name)?;
    let gid = match (&security.run_as_group, group) {
        (Some(group), _) => number(group.value)?,
        (None, Some(group)) => find_group(&groups, &group)?,
        (None, None) => known.gid,
    };
    let mut additional = Vec::new();
    for group in &security.supplemental_groups {
        additional.push(number(*group)?);
    }
    if security.supplemental_groups_policy() == v1::SupplementalGroupsPolicy::Merge
        && let Some(name) = &known.name
    {
        for line in groups.lines() {
            let fields: Vec<_> = line.split(':').collect();
            if let [_, _, id, members] = fields.as_slice()
                && members.split(',').any(|member| member == name)
                && let Ok(id) = id.parse()
            {
                additional.push(id);
            }
        }
    }
    if !additional.contains(&gid) {
        additional.insert(0, gid);
    }
    let mut seen = Vec::new();
    additional.retain(|id| {
        !seen.contains(id) && {
            seen.push(*id);
            true
        }
    });
    Ok(User {
        uid: known.uid,
        gid,
        umask: None,
        additional_gids: additional,
    })
}

/// The image's user, as image status tells it: a number or a name.
pub(crate) fn of_image(user: &str) -> (Option<i64>, String) {
    let (name, _) = split(user);
    match name.parse() {
        Ok(number) => (Some(number), String::new()),
        Err(_) if name.is_empty() => (Some(0), String::new()),
        Err(_) => (None, name),
    }
}

struct Known {
    uid: u32,
    gid: u32,
    name: Option<String>,
}

fn split(user: &str) -> (String, Option<String>) {
    match user.split_once(':') {
        Some((user, group)) if !group.is_empty() => (user.to_owned(), Some(group.to_owned())),
        Some((user, _)) => (user.to_owned(), None),
        None => (user.to_owned(), None),
    }
}

fn number(value: i64) -> anyhow::Result<u32> {
    u32::try_from(value).with_context(|| format!("{value} is no id of a user or group"))
}

fn find_user(users: &str, wanted: &str) -> anyhow::Result<Known> {
    let wanted = if wanted.is_empty() { "0" } else { wanted };
    for line in users.lines() {
        let fields: Vec<_> = line.split(':').collect();
        let [name, _, uid, gid, ..] = fields.as_slice() else {
            continue;
        };
        if (*name == wanted || *uid == wanted)
            && let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse())
        {
            return Ok(Known {
                uid,
                gid,
                name: Some((*name).to_owned()),
            });
        }
    }
    match wanted.parse() {
        Ok(uid) => Ok(Known {
            uid,
            gid: 0,
            name: None,
        }),
        Err(_) => bail!("unable to find user {wanted}: no matching entries in passwd file"),
    }
}

fn find_group(groups: &str, wanted: &str) -> anyhow::Result<u32> {
    for line in groups.lines() {
        let fields: Vec<_> = line.split(':').collect();
        if let [name, _, gid, ..] = fields.as_slice()
            && (*name == wanted || *gid == wanted)
            && let Ok(gid) = gid.parse()
        {
            return Ok(gid);
        }
    }
    wanted.parse().with_context(|| {
        format!("unable to find group {wanted}: no matching entries in group file")
    })
}

/// A file of the image: that of the topmost layer that has it. Links stay inside their layer.
fn read(layers: &[PathBuf], path: &str) -> String {
    for layer in layers {
        if !layer
            .join(path)
            .symlink_metadata()
            .is_ok_and(|found| found.is_file())
        {
            continue;
        }
        if let Some(text) = read_in(layer, Path::new(path)) {
            return text;
        }
    }
    String::new()
}

fn read_in(layer: &Path, path: &Path) -> Option<String> {
    use std::os::fd::AsRawFd;
    let root = std::fs::File::open(layer).ok()?;
    let found = paths::open(root.as_fd(), path).ok()?;
    let file = std::fs::File::open(format!("/proc/self/fd/{}", found.as_raw_fd())).ok()?;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}
