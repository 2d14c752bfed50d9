//! Tables and chains.

/// A table: its family and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    pub(super) family: u8,
    pub(super) name: String,
}

impl Table {
    /// A table of IPv4 packets.
    pub fn ipv4(name: &str) -> Self {
        Self {
            family: 2,
            name: name.to_owned(),
        }
    }

    /// A table of IPv6 packets.
    pub fn ipv6(name: &str) -> Self {
        Self {
            family: 10,
            name: name.to_owned(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A chain; with a hook it sees packets, without one it is jumped to.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a> {
    pub name: &'a str,
    pub hook: Option<(Hook, i32)>,
}

/// Where a base chain sits; the number beside it in [`Chain`] is its priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    NatPrerouting,
    NatOutput,
    NatPostrouting,
    FilterPrerouting,
    FilterInput,
    FilterForward,
    FilterOutput,
    FilterPostrouting,
}

impl Hook {
    /// The hook's number and the chain's type.
    pub(super) fn parts(self) -> (u32, &'static str) {
        match self {
            Self::NatPrerouting => (0, "nat"),
            Self::NatOutput => (3, "nat"),
            Self::NatPostrouting => (4, "nat"),
            Self::FilterPrerouting => (0, "filter"),
            Self::FilterInput => (1, "filter"),
            Self::FilterForward => (2, "filter"),
            Self::FilterOutput => (3, "filter"),
            Self::FilterPostrouting => (4, "filter"),
        }
    }
}
