//! A path of the host, checked or made as its type says.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

use super::{Mounted, Request};

pub(super) async fn set_up(request: Request<'_>) -> Result<Mounted, String> {
    let source = request.volume.host_path.clone().unwrap_or_default();
    let path = Path::new(&source.path);
    check(path, source.type_.as_deref().unwrap_or_default())?;
    Ok(Mounted {
        path: path.to_owned(),
        read_only: false,
    })
}

pub(super) fn check(path: &Path, kind: &str) -> Result<(), String> {
    let shown = path.display();
    let found = fs::metadata(path).ok().map(|metadata| metadata.file_type());
    let wrong = |what: &str| Err(format!("hostPath type check failed: {shown} is not {what}"));
    match kind {
        "" => Ok(()),
        "DirectoryOrCreate" => match found {
            Some(found) if found.is_dir() => Ok(()),
            Some(_) => wrong("a directory"),
            None => make(path, || fs::create_dir_all(path), 0o755),
        },
        "FileOrCreate" => match found {
            Some(found) if found.is_file() => Ok(()),
            Some(_) => wrong("a file"),
            None => make(path, || fs::File::create(path).map(drop), 0o644),
        },
        "Directory" if !found.is_some_and(|found| found.is_dir()) => wrong("a directory"),
        "File" if !found.is_some_and(|found| found.is_file()) => wrong("a file"),
        "Socket" if !found.is_some_and(|found| found.is_socket()) => wrong("a socket file"),
        "CharDevice" if !found.is_some_and(|found| found.is_char_device()) => {
            wrong("a character device")
        }
        "BlockDevice" if !found.is_some_and(|found| found.is_block_device()) => {
            wrong("a block device")
        }
        "Directory" | "File" | "Socket" | "CharDevice" | "BlockDevice" => Ok(()),
        other => Err(format!("{other:?} is an invalid hostPath type")),
    }
}

fn make(path: &Path, create: impl Fn() -> std::io::Result<()>, mode: u32) -> Result<(), String> {
    let make = || {
        create()?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    };
    make().map_err(|error| format!("could not create {}: {error}", path.display()))
}
