//! The log of a container, in the form that kubelet reads: time, stream, whole or part, text.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

const MODE: u32 = 0o640;

/// A log file.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: Option<File>,
}

impl Log {
    /// Opens it, to be appended to. An empty path is a log that keeps nothing.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut log = Self {
            path: path.to_owned(),
            file: None,
        };
        log.reopen()?;
        Ok(log)
    }

    /// Opens the path again, after somebody moved the file away.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if !self.path.as_os_str().is_empty() {
            let mut options = OpenOptions::new();
            self.file = Some(
                options
                    .create(true)
                    .append(true)
                    .mode(MODE)
                    .open(&self.path)?,
            );
        }
        Ok(())
    }

    fn write(&mut self, lines: &[u8]) {
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(lines)
        {
            // A full disk must not stop the container, nor grow this process.
            tracing::warn!(%error, "log line is lost");
        }
    }
}

/// One stream of a container: bytes become lines.
#[derive(Debug)]
pub(super) struct Lines {
    stream: &'static str,
    pending: Vec<u8>,
    longest: usize,
}

impl Lines {
    pub(super) fn new(stream: &'static str, longest: usize) -> Self {
        Self {
            stream,
            pending: Vec::new(),
            longest: longest.max(1),
        }
    }

    /// Writes what is complete; a longer line than allowed in parts.
    pub(super) fn add(&mut self, mut bytes: &[u8], log: &mut Log) {
        let mut out = Vec::with_capacity(bytes.len() + 64);
        while !bytes.is_empty() {
            let room = self.longest - self.pending.len();
            let end = bytes.iter().take(room + 1).position(|&byte| byte == b'\n');
            if let Some(end) = end {
                self.pending.extend_from_slice(&bytes[..end]);
                bytes = &bytes[end + 1..];
                self.flush(&mut out, "F");
            } else {
                let part = room.min(bytes.len());
                self.pending.extend_from_slice(&bytes[..part]);
                bytes = &bytes[part..];
                if !bytes.is_empty() {
                    self.flush(&mut out, "P");
                }
            }
        }
        if !out.is_empty() {
            log.write(&out);
        }
    }

    /// Writes what is left without a line end: a part, so that readers add none either.
    pub(super) fn end(&mut self, log: &mut Log) {
        if !self.pending.is_empty() {
            let mut out = Vec::new();
            self.flush(&mut out, "P");
            log.write(&out);
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>, tag: &str) {
        let now = Timestamp::now();
        // Writing to memory does not fail.
        let _ = write!(out, "{now:.9} {} {tag} ", self.stream);
        out.append(&mut self.pending);
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(parts: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = Log::open(&path).unwrap();
        let mut lines = Lines::new("stdout", 4);
        for part in parts {
            lines.add(part.as_bytes(), &mut log);
        }
        lines.end(&mut log);
        let text = std::fs::read_to_string(&path).unwrap();
        let after_time = |line: &str| line.split_once(' ').unwrap().1.to_owned();
        text.lines().map(after_time).collect()
    }

    #[test]
    fn lines_are_whole_or_parts() {
        assert_eq!(written(&["a\nb", "c\n"]), ["stdout F a", "stdout F bc"]);
        assert_eq!(written(&["abcdefg\n"]), ["stdout P abcd", "stdout F efg"]);
        assert_eq!(written(&["abcd\n"]), ["stdout F abcd"]);
        assert_eq!(written(&["abcd", "\n"]), ["stdout F abcd"]);
        assert_eq!(written(&["\n", "x"]), ["stdout F ", "stdout P x"]);
    }
}
