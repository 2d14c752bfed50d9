//! When a cron schedule is due: the five fields and the `@` words that upstream understands.
//!
//! Moments that a change of clocks skips are left out; of those that come twice, the first counts.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use styr_component::flags::parse_duration;

/// Schedules that name a day which comes once in four years are found; others are never due.
const DAYS_MAX: usize = 366 * 5;
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A schedule that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Schedule {
    Every(Duration),
    Fields(Fields),
}

/// Bits of the values that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Of days and weekdays that are both restricted, one is enough.
    either_day: bool,
}

struct Bounds {
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

impl Schedule {
    /// Reads what stands in `spec.schedule`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(every) = text.strip_prefix("@every ") {
            let every = parse_duration(every.trim()).ok_or("failed to parse duration")?;
            return Ok(Self::Every(every.max(Duration::from_secs(1))));
        }
        let text = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(format!(
                "expected exactly 5 fields, found {}: {fields:?}",
                fields.len()
            ));
        };
        let plain = |low, high| Bounds {
            low,
            high,
            names: &[],
        };
        let names = |low, high, names| Bounds { low, high, names };
        let is_open = |field: &str| field.split(',').any(|part| matches!(part, "*" | "?"));
        Ok(Self::Fields(Fields {
            minutes: field(minutes, &plain(0, 59))?,
            hours: field(hours, &plain(0, 23))?,
            days: field(days, &plain(1, 31))?,
            months: field(months, &names(1, 12, &MONTHS))?,
            weekdays: field(weekdays, &names(0, 6, &WEEKDAYS))?,
            either_day: !is_open(days) && !is_open(weekdays),
        }))
    }

    /// The first moment after `after`.
    pub(super) fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Every(every) => {
                let whole = Timestamp::from_second(after.as_second()).ok()?;
                whole.checked_add(*every).ok()
            }
            Self::Fields(fields) => fields.next(after, zone),
        }
    }

    /// Of the moments in `(after, until]` the last, and how many there are, counted to `limit`.
    pub(super) fn latest(
        &self,
        (after, until): (Timestamp, Timestamp),
        zone: &TimeZone,
        limit: usize,
    ) -> Option<(Timestamp, usize)> {
        let due = |from: &Timestamp| self.next(*from, zone).filter(|next| *next <= until);
        let mut latest = due(&after)?;
        let mut count = 1;
        while let Some(next) = due(&latest) {
            count += 1;
            latest = next;
            if count > limit {
                // Far behind: only what was due last matters, so skip most of what was missed.
                let span = (until.as_second() - latest.as_second()) / 2;
                let later = Timestamp::from_second(latest.as_second() + span).ok()?;
                latest = due(&later).unwrap_or(latest);
            }
        }
        Some((latest, count))
    }
}

impl Fields {
    fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = after.to_zoned(zone.clone()).datetime();
        // Whole minutes; a moment that came twice may still be ahead, so it is looked at again.
        let start = local.date();
        let dates = std::iter::successors(Some(start), |date| date.tomorrow().ok());
        for date in dates.take(DAYS_MAX).filter(|date| self.matches(*date)) {
            let first = if date == start { local.hour() } else { 0 };
            for hour in (first..24).filter(|hour| has(self.hours, *hour)) {
                for minute in (0..60).filter(|minute| has(self.minutes, *minute)) {
                    let at = date.at(hour, minute, 0, 0);
                    if let Some(at) = exists(at, zone).filter(|at| *at > after) {
                        return Some(at);
                    }
                }
            }
        }
        None
    }

    fn matches(&self, date: Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset();
        let (day, weekday) = (has(self.days, date.day()), has(self.weekdays, weekday));
        let is_day = if self.either_day {
            day || weekday
        } else {
            day && weekday
        };
        is_day && has(self.months, date.month())
    }
}

fn exists(at: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(at);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => None,
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
            ambiguous.earlier().ok()
        }
    }
}

fn has(bits: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| bits & (1 << value) != 0)
}

fn field(text: &str, bounds: &Bounds) -> Result<u64, String> {
    text.split(',')
        .try_fold(0, |bits, part| Ok(bits | range(part, bounds)?))
}

/// `*`, `5`, `1-5`, each with `/step`; `5/10` goes on to the end.
fn range(text: &str, bounds: &Bounds) -> Result<u64, String> {
    let (span, step) = match text.split_once('/') {
        Some((span, step)) => (span, Some(step)),
        None => (text, None),
    };
    let number = |text: &str| value(text, bounds);
    let (low, high) = match span.split_once('-') {
        _ if matches!(span, "*" | "?") => (bounds.low, bounds.high),
        Some((low, high)) => (number(low)?, number(high)?),
        None if step.is_some() => (number(span)?, bounds.high),
        None => (number(span)?, number(span)?),
    };
    let step: u32 = match step {
        Some(step) => step
            .parse()
            .map_err(|_| format!("failed to parse int from {step}"))?,
        None => 1,
    };
    if low < bounds.low {
        return Err(format!(
            "beginning of range ({low}) below minimum ({}): {text}",
            bounds.low
        ));
    }
    if high > bounds.high {
        return Err(format!(
            "end of range ({high}) above maximum ({}): {text}",
            bounds.high
        ));
    }
    if low > high {
        return Err(format!(
            "beginning of range ({low}) beyond end of range ({high}): {text}"
        ));
    }
    let step = usize::try_from(step).unwrap_or(0);
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    Ok((low..=high).step_by(step).fold(0, |bits, n| bits | 1 << n))
}

fn value(text: &str, bounds: &Bounds) -> Result<u32, String> {
    let lower = text.to_ascii_lowercase();
    if let Some(at) = bounds.names.iter().position(|name| *name == lower) {
        return Ok(bounds.low + u32::try_from(at).expect("at most twelve names"));
    }
    text.parse()
        .map_err(|_| format!("failed to parse int from {text}"))
}

#[cfg(test)]
mod tests;
