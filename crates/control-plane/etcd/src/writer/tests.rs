use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use styr_base::SystemClock;
use styr_store::Store;

use crate::disk::{Disk, DiskFile, RealDisk};
use crate::{Engine, Options};

/// Counts how many drafts of snapshots are open at once, the most so far, and makes them slow.
#[derive(Debug)]
struct Slow {
    real: RealDisk,
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Draft {
    file: Box<dyn DiskFile>,
    open: Arc<AtomicUsize>,
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl DiskFile for Draft {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        std::thread::yield_now();
        self.file.write_at(offset, bytes)
    }
    fn sync_data(&mut self) -> io::Result<()> {
        for _ in 0..20 {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

impl Disk for Slow {
    fn list(&self) -> io::Result<Vec<String>> {
        self.real.list()
    }
    fn size(&self, name: &str) -> io::Result<u64> {
        self.real.size(name)
    }
    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.real.read(name)
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = self.real.open(name)?;
        if name != "draft" {
            return Ok(file);
        }
        let now = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Ok(Box::new(Draft {
            file,
            open: Arc::clone(&self.open),
        }))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.real.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.real.remove(name)
    }
    fn sync(&self) -> io::Result<()> {
        self.real.sync()
    }
    fn place(&self) -> String {
        self.real.place()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_outrun_a_snapshot_do_not_start_a_second_one_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let disk = Slow {
        real: RealDisk::open(folder.path()).unwrap(),
        open,
        most: Arc::clone(&most),
    };
    let options = Options {
        clock: SystemClock::shared(),
    };
    let engine = Engine::open_disk(Arc::new(disk), options).unwrap();
    for number in 0..200 {
        let key = Bytes::from(format!("/key-{number:04}"));
        engine
            .create(key, Bytes::from(vec![b'x'; 8_192]), 0)
            .await
            .unwrap();
    }
    drop(engine);
    // The writer and the snapshots let go of the folder in their own time.
    let real = loop {
        match RealDisk::open(folder.path()) {
            Ok(real) => break real,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let options = Options {
        clock: SystemClock::shared(),
    };
    let again = Engine::open_disk(Arc::new(real), options).unwrap();
    for number in 0..200 {
        let key = format!("/key-{number:04}");
        let (found, _) = again.get(key.as_bytes()).await.unwrap();
        assert!(found.is_some(), "{key} was answered and is gone");
    }
    assert_eq!(
        most.load(Ordering::SeqCst),
        1,
        "snapshots written into one draft at once"
    );
}
