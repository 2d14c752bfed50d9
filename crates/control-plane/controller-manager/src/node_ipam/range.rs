//! Ranges of addresses, and the first free part of one.

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Context as _;

/// A range by its first address and the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Range {
    first: IpAddr,
    length: u8,
}

impl Range {
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let parsed = text.split_once('/').and_then(|(address, length)| {
            let (address, length) = (address.parse().ok()?, length.parse().ok()?);
            let range = Self {
                first: address,
                length,
            };
            (length <= range.width()).then(|| range.at(range.start()))
        });
        parsed.with_context(|| format!("could not read {text:?} as a range of addresses"))
    }

    pub(super) fn is_ipv4(&self) -> bool {
        self.first.is_ipv4()
    }

    pub(super) fn length(&self) -> u8 {
        self.length
    }

    fn width(&self) -> u8 {
        if self.first.is_ipv4() { 32 } else { 128 }
    }

    fn number(&self) -> u128 {
        match self.first {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        }
    }

    /// One less than the number of addresses, so that it always fits.
    fn span(&self) -> u128 {
        let free = u32::from(self.width() - self.length);
        u128::MAX.checked_shr(128 - free).unwrap_or(0)
    }

    fn start(&self) -> u128 {
        self.number() & !self.span()
    }

    fn end(&self) -> u128 {
        self.start() | self.span()
    }

    fn at(&self, number: u128) -> Self {
        let first = if self.first.is_ipv4() {
            let low = u32::try_from(number).expect("within a range of 32 bits");
            IpAddr::V4(Ipv4Addr::from_bits(low))
        } else {
            IpAddr::V6(Ipv6Addr::from_bits(number))
        };
        Self {
            first,
            length: self.length,
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        let same_family = self.is_ipv4() == other.is_ipv4();
        same_family && self.start() <= other.end() && other.start() <= self.end()
    }

    /// The first part with a prefix of `length` that overlaps nothing that is taken.
    pub(super) fn first_free(&self, length: u8, taken: &[Self]) -> Option<Self> {
        let mut taken: Vec<&Self> = taken.iter().filter(|taken| taken.overlaps(self)).collect();
        taken.sort_by_key(|taken| taken.start());
        let mut candidate = Self {
            first: self.first,
            length,
        }
        .at(self.start());
        for range in taken {
            if candidate.overlaps(range) {
                // The next part after what is in the way.
                let next = (range.end() | candidate.span()).checked_add(1)?;
                if next > self.end() {
                    return None;
                }
                candidate = candidate.at(next);
            }
        }
        Some(candidate)
    }
}

impl Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

#[cfg(test)]
mod tests;
