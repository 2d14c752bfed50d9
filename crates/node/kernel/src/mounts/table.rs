//! `/proc/self/mountinfo`.

use std::io;
use std::path::PathBuf;

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountInfo {
    pub id: u32,
    pub parent: u32,
    /// Which folder of its file system is mounted.
    pub root: PathBuf,
    pub point: PathBuf,
    /// `rw`, `nosuid`, ...
    pub options: Vec<String>,
    /// `shared:N`, `master:N`, ...
    pub propagation: Vec<String>,
    pub kind: String,
    pub source: String,
    /// Options of the file system.
    pub super_options: Vec<String>,
}

impl MountInfo {
    /// Mounts in here travel to its copies.
    pub fn is_shared(&self) -> bool {
        self.propagation
            .iter()
            .any(|field| field.starts_with("shared:"))
    }

    /// Mounts of somewhere else travel into it.
    pub fn is_slave(&self) -> bool {
        self.propagation
            .iter()
            .any(|field| field.starts_with("master:"))
    }
}

/// What this process sees mounted, in the order in which it was.
pub fn list() -> io::Result<Vec<MountInfo>> {
    Ok(parse(&std::fs::read_to_string("/proc/self/mountinfo")?))
}

/// Reads the table's text; lines that are not understood are left out.
pub fn parse(text: &str) -> Vec<MountInfo> {
    text.lines().filter_map(line).collect()
}

fn line(text: &str) -> Option<MountInfo> {
    let (before, after) = text.split_once(" - ")?;
    let mut fields = before.split(' ');
    let id = fields.next()?.parse().ok()?;
    let parent = fields.next()?.parse().ok()?;
    let root = unescape(fields.nth(1)?);
    let point = unescape(fields.next()?);
    let split = |text: &str| text.split(',').map(str::to_owned).collect();
    let options = split(fields.next()?);
    let propagation = fields.map(str::to_owned).collect();
    let mut rest = after.split(' ');
    Some(MountInfo {
        id,
        parent,
        root: root.into(),
        point: point.into(),
        options,
        propagation,
        kind: rest.next()?.to_owned(),
        source: unescape(rest.next()?),
        super_options: split(rest.next().unwrap_or_default()),
    })
}

/// Blanks and backslashes are written as octal numbers.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let digits = rest.get(at + 1..at + 4);
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &rest[at + 4..];
            }
            None => {
                out.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}
