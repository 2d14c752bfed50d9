//! Sets and maps.

/// A set of keys, or with `data` a map.
#[derive(Debug, Clone, Copy)]
pub struct Set<'a> {
    pub name: &'a str,
    /// The fields of the key.
    pub key: &'a [Type],
    /// The fields of the data; empty for a set.
    pub data: &'a [Type],
    pub flags: SetFlags,
}

/// What kind of set it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetFlags {
    /// Elements are ranges.
    pub is_interval: bool,
    /// Rules add elements, which go after this many milliseconds without use.
    pub dynamic_timeout_ms: Option<u64>,
}

/// What a field of a key or of data is; the kernel knows only the length, `nft list` all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Ipv4,
    Ipv6,
    Protocol,
    Port,
    /// Any number in the machine's order.
    Mark,
}

impl Type {
    fn number(self) -> u32 {
        match self {
            Self::Ipv4 => 7,
            Self::Ipv6 => 8,
            Self::Protocol => 12,
            Self::Port => 13,
            Self::Mark => 19,
        }
    }

    fn bytes(self) -> u32 {
        match self {
            Self::Ipv4 | Self::Mark => 4,
            Self::Ipv6 => 16,
            Self::Protocol => 1,
            Self::Port => 2,
        }
    }
}

/// The number that stands for all fields together, and their padded length.
pub(super) fn concatenation(fields: &[Type]) -> (u32, u32) {
    const BITS: u32 = 6;
    if let [only] = fields {
        return (only.number(), only.bytes());
    }
    let number = fields
        .iter()
        .fold(0, |sum, field| (sum << BITS) | field.number());
    let length = fields
        .iter()
        .map(|field| field.bytes().next_multiple_of(4))
        .sum();
    (number, length)
}

pub(super) const MAP: u32 = 0x8;
pub(super) const INTERVAL: u32 = 0x4;
pub(super) const TIMEOUT: u32 = 0x10;
pub(super) const DYNAMIC: u32 = 0x20;

impl SetFlags {
    pub(super) fn bits(self, is_map: bool) -> u32 {
        let mut bits = 0;
        if is_map {
            bits |= MAP;
        }
        if self.is_interval {
            bits |= INTERVAL;
        }
        if self.dynamic_timeout_ms.is_some() {
            bits |= TIMEOUT | DYNAMIC;
        }
        bits
    }
}
