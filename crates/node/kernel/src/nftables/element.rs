//! Elements of sets and maps.

use std::net::IpAddr;

use crate::netlink::{Message, attributes};

const LIST_ELEMENTS: u16 = 3;
const ELEM: u16 = 1;
const ELEM_KEY: u16 = 1;
const ELEM_DATA: u16 = 2;
const ELEM_FLAGS: u16 = 3;
const DATA_VALUE: u16 = 1;
const INTERVAL_END: u32 = 1;

/// An element: a key, and its data in a map.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Element {
    pub key: Vec<u8>,
    /// Empty in a set.
    pub data: Vec<u8>,
    /// It ends the range that the element before began, and is not part of it.
    pub is_end: bool,
}

impl Element {
    /// An element of a set.
    pub fn key(key: Vec<u8>) -> Self {
        Self {
            key,
            data: Vec::new(),
            is_end: false,
        }
    }

    /// An element of a map.
    pub fn entry(key: Vec<u8>, data: Vec<u8>) -> Self {
        Self {
            key,
            data,
            is_end: false,
        }
    }

    /// The two elements that stand for a network of addresses in a set of ranges.
    pub fn network(ip: IpAddr, prefix: u8) -> Vec<Self> {
        let octets = match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let (first, after) = bounds(&octets, prefix);
        let mut elements = vec![Self::key(first)];
        // A range up to the last address of all has no end.
        if after.iter().any(|byte| *byte != 0) {
            elements.push(Self {
                key: after,
                data: Vec::new(),
                is_end: true,
            });
        }
        elements
    }
}

/// The first address of a network, and the first behind it (all zero if there is none).
fn bounds(octets: &[u8], prefix: u8) -> (Vec<u8>, Vec<u8>) {
    let prefix = usize::from(prefix).min(octets.len() * 8);
    let mut first = octets.to_vec();
    for (index, byte) in first.iter_mut().enumerate() {
        let kept = prefix.saturating_sub(index * 8).min(8);
        *byte &= u8::try_from(0xff00_u32 >> kept & 0xff).expect("masked to a byte");
    }
    let mut after = first.clone();
    if prefix == 0 {
        after.fill(0);
        return (first, after);
    }
    let last = (prefix - 1) / 8;
    let step = 1_u16 << (7 - (prefix - 1) % 8);
    let mut carry = step;
    for byte in after[..=last].iter_mut().rev() {
        let sum = u16::from(*byte) + carry;
        *byte = u8::try_from(sum & 0xff).expect("masked to a byte");
        carry = sum >> 8;
    }
    (first, after)
}

/// Appends a field of a concatenation, padded as the kernel pads registers.
pub fn field(key: &mut Vec<u8>, value: &[u8]) {
    key.extend_from_slice(value);
    while !key.len().is_multiple_of(4) {
        key.push(0);
    }
}

/// Appends a number in the machine's order, as `numgen` makes it.
pub fn slot(key: &mut Vec<u8>, number: u32) {
    key.extend_from_slice(&number.to_ne_bytes());
}

pub(super) fn put(list: &mut Message, element: &Element) {
    list.nest(ELEM, |item| {
        item.nest(ELEM_KEY, |key| key.put(DATA_VALUE, &element.key));
        if !element.data.is_empty() {
            item.nest(ELEM_DATA, |data| data.put(DATA_VALUE, &element.data));
        }
        if element.is_end {
            item.put_be32(ELEM_FLAGS, INTERVAL_END);
        }
    });
}

/// The elements of one message of a dump.
pub(super) fn parse_list(payload: &[u8]) -> Vec<Element> {
    let mut found = Vec::new();
    let lists = attributes(payload.get(4..).unwrap_or_default());
    for (_, list) in lists.filter(|(kind, _)| *kind == LIST_ELEMENTS) {
        for (_, item) in attributes(list) {
            let value = |wanted: u16| {
                attributes(item)
                    .find(|(kind, _)| *kind == wanted)
                    .and_then(|(_, nest)| attributes(nest).find(|(kind, _)| *kind == DATA_VALUE))
                    .map(|(_, value)| value.to_vec())
            };
            if let Some(key) = value(ELEM_KEY) {
                let is_end = attributes(item)
                    .any(|(kind, value)| kind == ELEM_FLAGS && value == INTERVAL_END.to_be_bytes());
                found.push(Element {
                    key,
                    data: value(ELEM_DATA).unwrap_or_default(),
                    is_end,
                });
            }
        }
    }
    found
}
