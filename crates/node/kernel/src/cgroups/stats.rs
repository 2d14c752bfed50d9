//! What a group uses.

/// Counters and gauges. Those that the machine does not keep are 0 or `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    pub cpu_nanoseconds: u64,
    pub cpu_user_nanoseconds: u64,
    pub cpu_system_nanoseconds: u64,
    pub cpu_periods: u64,
    pub cpu_throttled_periods: u64,
    pub cpu_throttled_nanoseconds: u64,
    /// Bytes in use, page cache included.
    pub memory: u64,
    /// Bytes in use without page cache that is easily given back.
    pub memory_working_set: u64,
    pub memory_anonymous: u64,
    pub memory_cache: u64,
    pub page_faults: u64,
    pub major_page_faults: u64,
    pub memory_limit: Option<u64>,
    pub swap: Option<u64>,
    pub memory_and_swap_limit: Option<u64>,
    pub processes: u64,
    pub cpu_pressure: Option<Pressure>,
    pub memory_pressure: Option<Pressure>,
    pub io_pressure: Option<Pressure>,
}

/// How much of the time work waited for a resource.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pressure {
    pub some: PressureLine,
    pub full: PressureLine,
}

/// Percentages over 10, 60 and 300 seconds, and the sum of all waiting.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PressureLine {
    pub average_10: f64,
    pub average_60: f64,
    pub average_300: f64,
    pub total_microseconds: u64,
}
