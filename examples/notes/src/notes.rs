//! Notes as files of a folder: one file each, on disk before it is answered for.
//!
//! Nothing is kept in memory, a file appears whole, and writers take turns: so the old and the new
//! pod of a rollout can work on one folder at the same time.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Bounds the volume and the length of a list.
pub const NOTES_MAX: usize = 1000;
/// Bounds one note.
pub const TEXT_BYTES_MAX: usize = 4096;
/// Whoever writes holds this file.
const LOCK: &str = ".lock";
/// Drafts are hidden files; one of this age was left by a pod that was killed.
const DRAFT: &str = ".draft-";
const DRAFT_AGE_MAX: Duration = Duration::from_secs(3600);

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Counted up; its name.
    pub id: u64,
    /// When it was written.
    pub created: Timestamp,
    /// What it says.
    pub text: String,
}

/// Why a note was not written.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// Nothing but white space.
    #[error("a note needs a text")]
    Empty,
    /// Longer than a note may be.
    #[error("a note has at most {TEXT_BYTES_MAX} bytes")]
    TooLong,
    /// As many as there may be.
    #[error("there are {NOTES_MAX} notes already; delete some")]
    Full,
    /// The folder cannot be read or written.
    #[error("could not write the note")]
    Disk(#[from] io::Error),
}

/// All notes.
#[derive(Debug, Clone)]
pub struct Notes {
    folder: PathBuf,
}

impl Notes {
    /// In a folder, which is made if it is missing.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder)?;
        remove_old_drafts(&folder)?;
        Ok(Self { folder })
    }

    /// Whether notes can be written now.
    pub fn check(&self) -> io::Result<()> {
        self.draft().map(drop)
    }

    /// All notes, the oldest first.
    pub fn list(&self) -> io::Result<Vec<Note>> {
        let mut notes = Vec::new();
        for id in self.ids()? {
            // One that goes away while the list is made is not in it.
            notes.extend(self.get(id)?);
        }
        Ok(notes)
    }

    /// One note, if it is there.
    pub fn get(&self, id: u64) -> io::Result<Option<Note>> {
        match fs::read(self.file(id)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a note; it is on disk when this returns.
    pub fn add(&self, text: &str, now: Timestamp) -> Result<Note, AddError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddError::Empty);
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(AddError::TooLong);
        }
        // Until it is dropped, or its process ends.
        let _lock = self.lock()?;
        let ids = self.ids()?;
        if ids.len() >= NOTES_MAX {
            return Err(AddError::Full);
        }
        let note = Note {
            id: ids.last().map_or(1, |last| last.saturating_add(1)),
            created: now,
            text: text.to_owned(),
        };
        self.write(&note)?;
        Ok(note)
    }

    /// Removes a note; answers whether it was there.
    pub fn remove(&self, id: u64) -> io::Result<bool> {
        match fs::remove_file(self.file(id)) {
            Ok(()) => {
                self.sync()?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes a note under its name, which must be free.
    fn write(&self, note: &Note) -> io::Result<()> {
        let mut draft = self.draft()?;
        draft.write_all(&serde_json::to_vec(note)?)?;
        draft.as_file().sync_all()?;
        draft.persist_noclobber(self.file(note.id))?;
        self.sync()
    }

    /// Of all who write to the folder, in whatever pod, one at a time counts up.
    fn lock(&self) -> io::Result<File> {
        let file = File::create(self.folder.join(LOCK))?;
        file.lock()?;
        Ok(file)
    }

    fn draft(&self) -> io::Result<tempfile::NamedTempFile> {
        tempfile::Builder::new()
            .prefix(DRAFT)
            .tempfile_in(&self.folder)
    }

    /// A name is on disk when its folder is.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn file(&self, id: u64) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    /// The numbers of all notes, sorted. Other files in the folder are none of ours.
    fn ids(&self) -> io::Result<Vec<u64>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".json"));
            ids.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        ids.sort_unstable();
        Ok(ids)
    }
}

fn remove_old_drafts(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_draft = entry.file_name().to_string_lossy().starts_with(DRAFT);
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if is_draft && age > DRAFT_AGE_MAX {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
