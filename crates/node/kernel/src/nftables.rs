//! nftables over netlink: atomic batches of tables, chains, rules, sets and elements.
//!
//! A [`Batch`] either takes effect as a whole or not at all. Nothing calls the `nft` program.
//! Keys and data are given as bytes: each field of a concatenation is padded to four bytes
//! ([`field`]), numbers of the packet are in network order, others in the machine's.

mod batch;
mod element;
pub mod expression;
mod set;
mod table;

use crate::netlink::{Message, NetlinkError, Socket};

pub use batch::Batch;
pub use element::{Element, field, slot};
pub use expression::Expression;
pub use set::{Set, SetFlags, Type};
pub use table::{Chain, Hook, Table};

const SUBSYSTEM: u16 = 10 << 8;
const GETTABLE: u16 = SUBSYSTEM | 1;
const GETSETELEM: u16 = SUBSYSTEM | 13;

/// A connection to nftables, in the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct Nftables {
    socket: Socket,
}

impl Nftables {
    /// Opens a connection.
    pub fn open() -> Result<Self, NetlinkError> {
        Ok(Self {
            socket: Socket::netfilter()?,
        })
    }

    /// Makes all changes of the batch, or none.
    pub fn commit(&mut self, batch: Batch) -> Result<(), NetlinkError> {
        batch.send(&mut self.socket)
    }

    /// Whether there is such a table.
    pub fn has_table(&mut self, table: &Table) -> Result<bool, NetlinkError> {
        const NAME: u16 = 1;
        let mut message = Message::new(GETTABLE, 0).fixed(&[table.family, 0, 0, 0]);
        message.put_text(NAME, &table.name);
        let attempted = || format!("look up table {}", table.name);
        match self.socket.query(message, attempted, |_| {}) {
            Ok(()) => Ok(true),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What is in a set or map now: ends of ranges are elements as well.
    pub fn elements(&mut self, table: &Table, set: &str) -> Result<Vec<Element>, NetlinkError> {
        const LIST_TABLE: u16 = 1;
        const LIST_SET: u16 = 2;
        let mut message = Message::new(GETSETELEM, 0).fixed(&[table.family, 0, 0, 0]);
        message.put_text(LIST_TABLE, &table.name);
        message.put_text(LIST_SET, set);
        let mut found = Vec::new();
        self.socket.dump(
            message,
            || format!("list the elements of {} {set}", table.name),
            |received| found.extend(element::parse_list(received.payload)),
        )?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
