//! One output stream of a container: to the log, and to whoever is attached.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use super::log::{Lines, Log};

/// What an attached client may be behind before it is cut off.
const MOST_PENDING: usize = 1 << 20;
const BUFFER: usize = 16 * 1024;

#[derive(Debug)]
pub(super) struct Output {
    /// `None` after its end.
    source: Option<OwnedFd>,
    lines: Lines,
    clients: Vec<Client>,
}

#[derive(Debug)]
struct Client {
    target: OwnedFd,
    pending: Vec<u8>,
}

impl Output {
    /// The source must not block.
    pub(super) fn new(source: OwnedFd, stream: &'static str, longest: usize) -> Self {
        Self {
            source: Some(source),
            lines: Lines::new(stream, longest),
            clients: Vec::new(),
        }
    }

    pub(super) fn source(&self) -> Option<BorrowedFd<'_>> {
        self.source.as_ref().map(AsFd::as_fd)
    }

    /// Clients that have not taken everything yet.
    pub(super) fn waiting(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.clients
            .iter()
            .filter(|client| !client.pending.is_empty())
            .map(|c| c.target.as_fd())
    }

    pub(super) fn attach(&mut self, target: OwnedFd) {
        if self.source.is_some() && rustix::io::ioctl_fionbio(&target, true).is_ok() {
            self.clients.push(Client {
                target,
                pending: Vec::new(),
            });
        }
    }

    /// Reads what is there; at most some rounds, so that one stream does not hold up others.
    pub(super) fn pump(&mut self, log: &mut Log, rounds: usize) {
        let mut buffer = [0; BUFFER];
        for _ in 0..rounds {
            let Some(source) = &self.source else { return };
            match rustix::io::read(source, &mut buffer) {
                Ok(0) => return self.end(log),
                Ok(length) => {
                    self.lines.add(&buffer[..length], log);
                    self.copy(&buffer[..length]);
                }
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => {}
                // A terminal answers this when its last user is gone.
                Err(_) => return self.end(log),
            }
        }
    }

    /// No more comes.
    pub(super) fn end(&mut self, log: &mut Log) {
        self.source = None;
        self.lines.end(log);
        self.flush();
        self.clients.retain(|client| !client.pending.is_empty());
    }

    fn copy(&mut self, bytes: &[u8]) {
        for client in &mut self.clients {
            client.pending.extend_from_slice(bytes);
        }
        self.flush();
    }

    /// Hands on what clients take now.
    pub(super) fn flush(&mut self) {
        self.clients.retain_mut(|client| {
            while !client.pending.is_empty() {
                match rustix::io::write(&client.target, &client.pending) {
                    Ok(length) => drop(client.pending.drain(..length)),
                    Err(Errno::AGAIN) => return client.pending.len() <= MOST_PENDING,
                    Err(Errno::INTR) => {}
                    Err(_) => return false,
                }
            }
            true
        });
        if self.source.is_none() {
            self.clients.retain(|client| !client.pending.is_empty());
        }
    }

    /// Whether there is nothing left to do.
    pub(super) fn is_done(&self) -> bool {
        self.source.is_none() && self.clients.is_empty()
    }
}
