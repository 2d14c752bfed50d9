//! What a node can run short of, by upstream's names.

use std::collections::BTreeMap;

/// A figure of the node that must not fall below a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Signal {
    Memory,
    /// Memory of all pods together, below the limit of their control group.
    PodsMemory,
    NodeDisk,
    NodeInodes,
    ImageDisk,
    ImageInodes,
    Processes,
}

/// What the node tells while it is short of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Pressure {
    Disk,
    Memory,
    Processes,
}

impl Signal {
    pub(crate) const ALL: [Self; 7] = [
        Self::Memory,
        Self::PodsMemory,
        Self::NodeDisk,
        Self::NodeInodes,
        Self::ImageDisk,
        Self::ImageInodes,
        Self::Processes,
    ];

    /// Its name in the configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory.available",
            Self::PodsMemory => "allocatableMemory.available",
            Self::NodeDisk => "nodefs.available",
            Self::NodeInodes => "nodefs.inodesFree",
            Self::ImageDisk => "imagefs.available",
            Self::ImageInodes => "imagefs.inodesFree",
            Self::Processes => "pid.available",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| signal.name() == name)
    }

    /// What is short then, as messages name it.
    pub(crate) fn resource(self) -> &'static str {
        match self {
            Self::Memory | Self::PodsMemory => "memory",
            Self::NodeDisk | Self::ImageDisk => "ephemeral-storage",
            Self::NodeInodes | Self::ImageInodes => "inodes",
            Self::Processes => "pids",
        }
    }

    pub(crate) fn pressure(self) -> Pressure {
        match self {
            Self::Memory | Self::PodsMemory => Pressure::Memory,
            Self::Processes => Pressure::Processes,
            _ => Pressure::Disk,
        }
    }

    /// Whether bytes are counted; otherwise files or processes are.
    pub(crate) fn is_bytes(self) -> bool {
        !matches!(self, Self::NodeInodes | Self::ImageInodes | Self::Processes)
    }
}

impl Pressure {
    /// The condition's type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Disk => "DiskPressure",
            Self::Memory => "MemoryPressure",
            Self::Processes => "PIDPressure",
        }
    }
}

/// How much there is and how much of it is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) available: i64,
    pub(crate) capacity: i64,
}

/// What is known of a node at one moment; what could not be read is missing.
pub(crate) type Observations = BTreeMap<Signal, Observed>;
