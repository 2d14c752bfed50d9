//! A transaction: messages between a begin and an end, and the kernel's answer to them.

use std::io;

use crate::netlink::{Message, NetlinkError, Socket};

use super::SUBSYSTEM;
use super::element::{self, Element};
use super::expression::Expression;
use super::set::{Set, concatenation};
use super::table::{Chain, Table};

const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NEWTABLE: u16 = SUBSYSTEM;
const DELTABLE: u16 = SUBSYSTEM | 2;
const NEWCHAIN: u16 = SUBSYSTEM | 3;
const NEWRULE: u16 = SUBSYSTEM | 6;
const DELRULE: u16 = SUBSYSTEM | 8;
const NEWSET: u16 = SUBSYSTEM | 9;
const DELSET: u16 = SUBSYSTEM | 11;
const NEWSETELEM: u16 = SUBSYSTEM | 12;
const DELSETELEM: u16 = SUBSYSTEM | 14;

const ACK: u16 = 0x4;
const CREATE: u16 = 0x400;
const APPEND: u16 = 0x800;

/// Elements of one message; the list must stay below 64 KiB, and no element takes 100 bytes.
const ELEMENTS_MAX: usize = 500;

/// Changes that take effect together.
#[derive(Debug, Default)]
pub struct Batch {
    messages: Vec<(Message, String)>,
    sets: u32,
}

impl Batch {
    /// No changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    fn push(&mut self, message: Message, what: String) {
        self.messages.push((message, what));
    }

    /// Adds a table; one that is there stays as it is.
    pub fn add_table(&mut self, table: &Table) {
        let mut message = begin(NEWTABLE, CREATE, table);
        message.put_text(1, &table.name);
        self.push(message, format!("add table {}", table.name));
    }

    /// Deletes a table with all that is in it.
    pub fn delete_table(&mut self, table: &Table) {
        let mut message = begin(DELTABLE, 0, table);
        message.put_text(1, &table.name);
        self.push(message, format!("delete table {}", table.name));
    }

    /// Makes the table anew and empty, whether it was there or not.
    pub fn reset_table(&mut self, table: &Table) {
        self.add_table(table);
        self.delete_table(table);
        self.add_table(table);
    }

    /// Adds a chain; one that is there stays as it is.
    pub fn add_chain(&mut self, table: &Table, chain: Chain<'_>) {
        const HOOK_NUMBER: u16 = 1;
        const HOOK_PRIORITY: u16 = 2;
        let mut message = begin(NEWCHAIN, CREATE, table);
        message.put_text(1, &table.name);
        message.put_text(3, chain.name);
        if let Some((hook, priority)) = chain.hook {
            let (number, kind) = hook.parts();
            message.nest(4, |nest| {
                nest.put_be32(HOOK_NUMBER, number);
                nest.put(HOOK_PRIORITY, &priority.to_be_bytes());
            });
            message.put_text(7, kind);
        }
        self.push(message, format!("add chain {} {}", table.name, chain.name));
    }

    /// Empties a chain.
    pub fn flush_chain(&mut self, table: &Table, chain: &str) {
        let mut message = begin(DELRULE, 0, table);
        message.put_text(1, &table.name);
        message.put_text(2, chain);
        self.push(message, format!("flush chain {} {chain}", table.name));
    }

    /// Adds a rule at the end of a chain; the comment is for `nft list`.
    pub fn add_rule(
        &mut self,
        table: &Table,
        chain: &str,
        expressions: &[Expression],
        comment: &str,
    ) {
        const USERDATA: u16 = 7;
        let mut message = begin(NEWRULE, CREATE | APPEND, table);
        message.put_text(1, &table.name);
        message.put_text(2, chain);
        message.nest(4, |list| {
            for expression in expressions {
                list.nest(1, |item| {
                    item.put_text(1, expression.name);
                    item.nest(2, |data| data.append(&expression.attributes));
                });
            }
        });
        message.put(USERDATA, &comment_bytes(comment));
        let what = format!("add a rule to {} {chain} ({comment})", table.name);
        self.push(message, what);
    }

    /// Adds a set or map; one that is there stays as it is.
    pub fn add_set(&mut self, table: &Table, set: &Set<'_>) {
        self.sets += 1;
        let mut message = begin(NEWSET, CREATE, table);
        message.put_text(1, &table.name);
        message.put_text(2, set.name);
        let is_map = !set.data.is_empty();
        message.put_be32(3, set.flags.bits(is_map));
        let (key, length) = concatenation(set.key);
        message.put_be32(4, key);
        message.put_be32(5, length);
        if is_map {
            let (data, length) = concatenation(set.data);
            message.put_be32(6, data);
            message.put_be32(7, length);
        }
        message.put_be32(10, self.sets);
        if let Some(timeout_ms) = set.flags.dynamic_timeout_ms {
            message.put(11, &timeout_ms.to_be_bytes());
        }
        self.push(message, format!("add set {} {}", table.name, set.name));
    }

    /// Deletes a set or map that no rule uses any more.
    pub fn delete_set(&mut self, table: &Table, set: &str) {
        let mut message = begin(DELSET, 0, table);
        message.put_text(1, &table.name);
        message.put_text(2, set);
        self.push(message, format!("delete set {} {set}", table.name));
    }

    /// Adds elements; a key that is there must have the same data.
    pub fn add_elements(&mut self, table: &Table, set: &str, elements: &[Element]) {
        self.elements((NEWSETELEM, CREATE), table, set, elements);
    }

    /// Deletes elements, which must be there.
    pub fn delete_elements(&mut self, table: &Table, set: &str, elements: &[Element]) {
        self.elements((DELSETELEM, 0), table, set, elements);
    }

    /// Empties a set or map.
    pub fn flush_set(&mut self, table: &Table, set: &str) {
        let mut message = begin(DELSETELEM, 0, table);
        message.put_text(1, &table.name);
        message.put_text(2, set);
        self.push(message, format!("flush set {} {set}", table.name));
    }

    fn elements(&mut self, kind: (u16, u16), table: &Table, set: &str, elements: &[Element]) {
        for part in elements.chunks(ELEMENTS_MAX) {
            let mut message = begin(kind.0, kind.1, table);
            message.put_text(1, &table.name);
            message.put_text(2, set);
            message.nest(3, |list| {
                for one in part {
                    element::put(list, one);
                }
            });
            let count = part.len();
            let verb = if kind.0 == NEWSETELEM {
                "add"
            } else {
                "delete"
            };
            self.push(
                message,
                format!("{verb} {count} elements of {} {set}", table.name),
            );
        }
    }

    /// Sends all, and waits for the answer to the last message or to the batch as a whole.
    pub(super) fn send(self, socket: &mut Socket) -> Result<(), NetlinkError> {
        if self.is_empty() {
            return Ok(());
        }
        let whole = || "change nftables".to_owned();
        let first = socket.next_sequence();
        let mut bytes = boundary(BATCH_BEGIN).finish(first);
        let mut attempted = Vec::with_capacity(self.messages.len());
        let count = self.messages.len();
        for (index, (mut message, what)) in self.messages.into_iter().enumerate() {
            if index + 1 == count {
                message.add_flags(ACK);
            }
            bytes.extend_from_slice(&message.finish(socket.next_sequence()));
            attempted.push(what);
        }
        bytes.extend_from_slice(&boundary(BATCH_END).finish(socket.next_sequence()));
        socket
            .send(&bytes)
            .map_err(|error| NetlinkError::new(whole(), error))?;
        let mut failure: Option<NetlinkError> = None;
        let received = socket.verdicts(|verdict| {
            let offset = verdict.sequence.wrapping_sub(first);
            let index = usize::try_from(offset).unwrap_or(usize::MAX);
            if index > count {
                // The rest of an earlier batch.
                return false;
            }
            if verdict.errno != 0 && failure.is_none() {
                let what = match index.checked_sub(1) {
                    Some(at) => attempted[at].clone(),
                    None => whole(),
                };
                let error = io::Error::from_raw_os_error(verdict.errno);
                failure = Some(NetlinkError::new(what, error).explained(verdict.explanation));
            }
            index == count || index == 0
        });
        received.map_err(|error| NetlinkError::new(whole(), error))?;
        failure.map_or(Ok(()), Err)
    }
}

/// `struct nfgenmsg`.
fn begin(kind: u16, flags: u16, table: &Table) -> Message {
    Message::new(kind, flags).fixed(&[table.family, 0, 0, 0])
}

fn boundary(kind: u16) -> Message {
    const NFTABLES: [u8; 2] = 10_u16.to_be_bytes();
    Message::new(kind, 0).fixed(&[0, 0, NFTABLES[0], NFTABLES[1]])
}

/// A comment in the form that `nft` reads: kind, length, text, zero.
fn comment_bytes(comment: &str) -> Vec<u8> {
    const TEXT_MAX: usize = 127;
    let mut text = comment.as_bytes()[..comment.len().min(TEXT_MAX)].to_vec();
    text.push(0);
    let length = u8::try_from(text.len()).expect("cut above");
    let mut bytes = vec![0, length];
    bytes.append(&mut text);
    bytes
}
