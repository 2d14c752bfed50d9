//! Reading and writing the small files of a group.

use std::io;
use std::path::Path;

/// Writes a value; the error says what to where.
pub(super) fn write(folder: &Path, name: &str, value: &str) -> io::Result<()> {
    let file = folder.join(name);
    // One write without creating: a missing file is a controller that is not there.
    let written = std::fs::OpenOptions::new().write(true).open(&file);
    let written = written.and_then(|mut open| io::Write::write_all(&mut open, value.as_bytes()));
    written.map_err(|error| {
        let text = format!("could not write {value:?} to {}: {error}", file.display());
        io::Error::new(error.kind(), text)
    })
}

/// The text of a file without the last line end.
pub(super) fn read(folder: &Path, name: &str) -> io::Result<String> {
    let file = folder.join(name);
    let text = std::fs::read_to_string(&file).map_err(|error| {
        let text = format!("could not read {}: {error}", file.display());
        io::Error::new(error.kind(), text)
    })?;
    Ok(text.trim_end().to_owned())
}

/// A number; `max` is the largest. Missing files and odd texts are `None`.
pub(super) fn number(folder: &Path, name: &str) -> Option<u64> {
    let text = read(folder, name).ok()?;
    if text == "max" {
        Some(u64::MAX)
    } else {
        text.parse().ok()
    }
}

/// A value of a file of `key value` lines.
pub(super) fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(' ')?;
        (found == key).then(|| value.trim().parse().ok()).flatten()
    })
}
