//! A disk in memory: what is written is durable at once, and gone with the test.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use styr_etcd::{Disk, DiskFile};

type Bytes = Arc<Mutex<Vec<u8>>>;

/// A folder of files.
#[derive(Debug, Default)]
pub(crate) struct MemoryDisk {
    files: Mutex<BTreeMap<String, Bytes>>,
}

#[derive(Debug)]
struct MemoryFile(Bytes);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

fn missing(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no file {name}"))
}

impl MemoryDisk {
    fn find(&self, name: &str) -> io::Result<Bytes> {
        lock(&self.files)
            .get(name)
            .cloned()
            .ok_or_else(|| missing(name))
    }
}

impl Disk for MemoryDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.files).keys().cloned().collect())
    }

    fn size(&self, name: &str) -> io::Result<u64> {
        let file = self.find(name)?;
        let length = lock(&file).len();
        Ok(u64::try_from(length).expect("fits into memory"))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.find(name)?;
        let bytes = lock(&file).clone();
        Ok(bytes)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = lock(&self.files)
            .entry(name.to_owned())
            .or_default()
            .clone();
        Ok(Box::new(MemoryFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = lock(&self.files);
        let file = files.remove(from).ok_or_else(|| missing(from))?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let removed = lock(&self.files).remove(name);
        removed.map(drop).ok_or_else(|| missing(name))
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}

impl DiskFile for MemoryFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).expect("fits into memory");
        let mut file = lock(&self.0);
        let end = start + bytes.len();
        if file.len() < end {
            file.resize(end, 0);
        }
        file[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        Ok(())
    }
}
