//! Addresses of one network, each given once.
//!
//! The lower part of the network is left to those who ask for a certain address, as upstream does.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Mutex;

use rand::Rng as _;

use super::network::Network;

/// Random tries before the network is searched in order.
const RANDOM_TRIES: usize = 32;

/// The addresses of a network.
#[derive(Debug)]
pub(super) struct Addresses {
    network: Network,
    taken: Mutex<HashSet<IpAddr>>,
}

/// Why a certain address cannot be had; upstream's words.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Refused {
    #[error("provided IP is already allocated")]
    Taken,
    #[error("the provided network does not match the current range")]
    OutOfRange,
    #[error("range is full")]
    Full,
}

impl Addresses {
    pub(super) fn new(network: Network) -> Self {
        Self {
            network,
            taken: Mutex::default(),
        }
    }

    pub(super) fn network(&self) -> Network {
        self.network
    }

    /// Takes a certain address.
    pub(super) fn take(&self, address: IpAddr) -> Result<(), Refused> {
        if !self.network.is_usable(address) {
            return Err(Refused::OutOfRange);
        }
        let mut taken = self.taken.lock().expect("no holder of this lock panics");
        if taken.insert(address) {
            Ok(())
        } else {
            Err(Refused::Taken)
        }
    }

    /// Takes any address.
    pub(super) fn take_any(&self) -> Result<IpAddr, Refused> {
        let usable = self.network.usable();
        let lower = lower_part(usable);
        let mut taken = self.taken.lock().expect("no holder of this lock panics");
        if taken.len() as u64 >= usable {
            return Err(Refused::Full);
        }
        let mut random = rand::rng();
        for _ in 0..RANDOM_TRIES {
            if lower >= usable {
                break;
            }
            let address = self.network.address(random.random_range(lower..usable));
            if taken.insert(address) {
                return Ok(address);
            }
        }
        let in_order = (lower..usable).chain(0..lower.min(usable));
        for offset in in_order {
            let address = self.network.address(offset);
            if taken.insert(address) {
                return Ok(address);
            }
        }
        Err(Refused::Full)
    }

    pub(super) fn give_back(&self, address: IpAddr) {
        self.taken
            .lock()
            .expect("no holder of this lock panics")
            .remove(&address);
    }
}

/// How many of `usable` are left to those who ask for a certain one.
fn lower_part(usable: u64) -> u64 {
    const MIN: u64 = 16;
    const MAX: u64 = 256;
    if usable < MIN {
        0
    } else {
        (usable / 16).clamp(MIN, MAX)
    }
}

#[cfg(test)]
mod tests;
