//! Node ports, each given once per protocol.

use std::collections::BTreeSet;
use std::sync::Mutex;

use rand::Rng as _;

/// Random tries before the range is searched in order.
const RANDOM_TRIES: usize = 32;

/// The node ports of the cluster.
#[derive(Debug)]
pub(super) struct Ports {
    first: u16,
    last: u16,
    taken: Mutex<BTreeSet<(u16, String)>>,
}

/// Why a certain port cannot be had; upstream's words.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Refused {
    #[error("provided port is already allocated")]
    Taken,
    #[error("provided port is not in the valid range. The range of valid ports is {0}-{1}")]
    OutOfRange(u16, u16),
    #[error("range is full")]
    Full,
}

impl Ports {
    pub(super) fn new((first, last): (u16, u16)) -> Self {
        Self {
            first,
            last,
            taken: Mutex::default(),
        }
    }

    /// Takes a certain port.
    pub(super) fn take(&self, port: u16, protocol: &str) -> Result<(), Refused> {
        if !(self.first..=self.last).contains(&port) {
            return Err(Refused::OutOfRange(self.first, self.last));
        }
        let mut taken = self.taken.lock().expect("no holder of this lock panics");
        if taken.insert((port, protocol.to_owned())) {
            Ok(())
        } else {
            Err(Refused::Taken)
        }
    }

    /// Takes any port that is free for every protocol.
    pub(super) fn take_any(&self, protocol: &str) -> Result<u16, Refused> {
        let mut taken = self.taken.lock().expect("no holder of this lock panics");
        let is_free = |taken: &BTreeSet<(u16, String)>, port: u16| {
            let next = taken.range((port, String::new())..).next();
            next.is_none_or(|(other, _)| *other != port)
        };
        let lower = self.first + lower_part(self.last - self.first + 1);
        let mut random = rand::rng();
        let random_ports = (0..RANDOM_TRIES).map(|_| random.random_range(lower..=self.last));
        let candidates = random_ports
            .chain(lower..=self.last)
            .chain(self.first..lower);
        for port in candidates.collect::<Vec<_>>() {
            if is_free(&taken, port) {
                taken.insert((port, protocol.to_owned()));
                return Ok(port);
            }
        }
        Err(Refused::Full)
    }

    pub(super) fn give_back(&self, port: u16, protocol: &str) {
        let mut taken = self.taken.lock().expect("no holder of this lock panics");
        taken.remove(&(port, protocol.to_owned()));
    }
}

/// How many of `size` are left to those who ask for a certain one.
fn lower_part(size: u16) -> u16 {
    const MIN: u16 = 16;
    const MAX: u16 = 128;
    if size <= MIN {
        0
    } else {
        (size / 32).clamp(MIN, MAX).min(size - 1)
    }
}

#[cfg(test)]
mod tests;
