//! Which addresses and host ports are taken, in one file under a lock.
//!
//! The file is replaced as a whole, so a call that is killed leaves the state before or after it.
//! Addresses are given round robin: one that was just freed is used again as late as possible.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::error::{CniError, Code};

/// All attachments of the node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// By `CONTAINER/INTERFACE`.
    pub(super) attachments: BTreeMap<String, Attachment>,
    /// The address given last.
    last: Option<Ipv4Addr>,
}

/// One pod's interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attachment {
    pub(super) address: Ipv4Addr,
    /// The node's end of the link.
    pub(super) link: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) host_ports: Vec<HostPort>,
}

/// A port of the node that leads to the pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HostPort {
    /// Without it, every address of the node.
    pub(super) host_ip: Option<Ipv4Addr>,
    pub(super) host_port: u16,
    pub(super) container_port: u16,
    pub(super) protocol: u8,
}

impl State {
    /// A free address of the network, if there is one. The first two addresses and
    /// the last are never given: routes name the network by them.
    pub(super) fn allocate(&mut self, (network, prefix): (Ipv4Addr, u8)) -> Option<Ipv4Addr> {
        let size = 1_u32 << (32 - u32::from(prefix));
        let base = u32::from(network) & !(size - 1);
        let taken: BTreeSet<Ipv4Addr> = self
            .attachments
            .values()
            .map(|attachment| attachment.address)
            .collect();
        let usable = 2..size - 1;
        let start = self
            .last
            .map(|last| u32::from(last).wrapping_sub(base))
            .filter(|offset| usable.contains(offset))
            .map_or(usable.start, |offset| offset + 1);
        let mut candidates = (start..usable.end).chain(usable.start..start);
        let free = candidates
            .by_ref()
            .map(|offset| Ipv4Addr::from(base + offset))
            .find(|address| !taken.contains(address))?;
        self.last = Some(free);
        Some(free)
    }
}

/// The state with its lock held.
#[derive(Debug)]
pub(super) struct Locked {
    folder: PathBuf,
    pub(super) state: State,
    /// Unlocks when it is closed.
    _lock: File,
}

impl Locked {
    /// Waits for the lock and reads the state.
    pub(super) fn open(folder: &Path) -> Result<Self, CniError> {
        Self::read(folder).map_err(|error| {
            let what = format!("could not read the state in {}", folder.display());
            CniError::new(Code::Io, what, &error)
        })
    }

    fn read(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = File::create(folder.join("lock"))?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive)?;
        let state = match fs::read(folder.join("attachments.json")) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            folder: folder.to_owned(),
            state,
            _lock: lock,
        })
    }

    /// Writes the state down.
    pub(super) fn save(&self) -> Result<(), CniError> {
        let write = || -> io::Result<()> {
            let new = self.folder.join("attachments.json.new");
            fs::write(&new, serde_json::to_vec(&self.state)?)?;
            fs::rename(new, self.folder.join("attachments.json"))
        };
        write().map_err(|error| {
            let what = format!("could not write the state in {}", self.folder.display());
            CniError::new(Code::Io, what, &error)
        })
    }
}
