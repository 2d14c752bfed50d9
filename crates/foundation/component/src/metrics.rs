//! Metrics in Prometheus' text format 0.0.4, with upstream's names.
//!
//! A metric is registered once and kept by whoever counts; the number of label sets of one metric
//! is limited, and what comes beyond is counted together under the label value `other`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Label sets of one metric; more would make every scrape slow and the process large.
const SERIES_MAX: usize = 10_000;

/// The content type of [`Registry::text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of a process. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    families: Arc<Mutex<Vec<Arc<Family>>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    kind: Type,
    labels: &'static [&'static str],
    buckets: &'static [f64],
    series: Mutex<BTreeMap<Vec<String>, Arc<Series>>>,
}

#[derive(Debug)]
struct Series {
    /// The bits of an `f64`: the value, or the sum of a histogram.
    value: AtomicU64,
    count: AtomicU64,
    buckets: Vec<AtomicU64>,
}

/// Only grows.
#[derive(Debug, Clone)]
pub struct Counter(Arc<Family>);

/// Goes up and down.
#[derive(Debug, Clone)]
pub struct Gauge(Arc<Family>);

/// Counts observations by size.
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Family>);

impl Registry {
    /// Without metrics.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a counter; its name ends in `_total`.
    pub fn counter(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Counter {
        Counter(self.register(Family::new(name, help, Type::Counter, labels)))
    }

    /// Registers a gauge.
    pub fn gauge(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Gauge {
        Gauge(self.register(Family::new(name, help, Type::Gauge, labels)))
    }

    /// Registers a histogram with ascending upper bounds, without the last, infinite one.
    pub fn histogram(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        buckets: &'static [f64],
    ) -> Histogram {
        let family = Family::new(name, help, Type::Histogram, labels);
        Histogram(self.register(Family { buckets, ..family }))
    }

    /// The same name twice is the same metric, so that parts of a process can share one.
    fn register(&self, family: Family) -> Arc<Family> {
        let mut families = self.families.lock().expect("no holder of this lock panics");
        if let Some(known) = families.iter().find(|known| known.name == family.name) {
            return Arc::clone(known);
        }
        let family = Arc::new(family);
        families.push(Arc::clone(&family));
        family
    }

    /// What a scrape answers.
    pub fn text(&self) -> String {
        let mut families = self
            .families
            .lock()
            .expect("no holder of this lock panics")
            .clone();
        families.sort_by_key(|family| family.name);
        let mut out = String::new();
        for family in families {
            family.write(&mut out);
        }
        out
    }
}

impl Family {
    fn new(
        name: &'static str,
        help: &'static str,
        kind: Type,
        labels: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            help,
            kind,
            labels,
            buckets: &[],
            series: Mutex::default(),
        }
    }

    fn series(&self, values: &[&str]) -> Arc<Series> {
        assert_eq!(
            values.len(),
            self.labels.len(),
            "labels of metric {}",
            self.name
        );
        let mut series = self.series.lock().expect("no holder of this lock panics");
        let mut key: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        if series.len() >= SERIES_MAX && !series.contains_key(&key) {
            key = vec!["other".to_owned(); self.labels.len()];
        }
        Arc::clone(series.entry(key).or_insert_with(|| {
            let buckets = self.buckets.iter().map(|_| AtomicU64::new(0)).collect();
            Arc::new(Series {
                value: AtomicU64::new(0),
                count: AtomicU64::new(0),
                buckets,
            })
        }))
    }

    fn write(&self, out: &mut String) {
        let series = self.series.lock().expect("no holder of this lock panics");
        if series.is_empty() {
            return;
        }
        let kind = match self.kind {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Histogram => "histogram",
        };
        let name = self.name;
        line(out, format_args!("# HELP {name} {}", self.help));
        line(out, format_args!("# TYPE {name} {kind}"));
        for (values, series) in series.iter() {
            let labels = self.label_text(values);
            if self.kind == Type::Histogram {
                self.write_histogram(out, &labels, series);
            } else {
                line(
                    out,
                    format_args!("{name}{} {}", braces(&labels), series.value()),
                );
            }
        }
    }

    fn write_histogram(&self, out: &mut String, labels: &str, series: &Series) {
        let name = self.name;
        let comma = if labels.is_empty() { "" } else { "," };
        let mut cumulated = 0;
        for (bound, count) in self.buckets.iter().zip(&series.buckets) {
            cumulated += count.load(Ordering::Relaxed);
            line(
                out,
                format_args!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {cumulated}"),
            );
        }
        let count = series.count.load(Ordering::Relaxed);
        line(
            out,
            format_args!("{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}"),
        );
        line(
            out,
            format_args!("{name}_sum{} {}", braces(labels), series.value()),
        );
        line(out, format_args!("{name}_count{} {count}", braces(labels)));
    }

    fn label_text(&self, values: &[String]) -> String {
        let pairs: Vec<String> = self
            .labels
            .iter()
            .zip(values)
            .map(|(label, value)| {
                let escaped = value
                    .replace('\\', "\\\\")
                    .replace('"', "\\\"")
                    .replace('\n', "\\n");
                format!("{label}=\"{escaped}\"")
            })
            .collect();
        pairs.join(",")
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a string cannot fail");
}

fn braces(labels: &str) -> String {
    if labels.is_empty() {
        String::new()
    } else {
        format!("{{{labels}}}")
    }
}

impl Series {
    fn value(&self) -> f64 {
        f64::from_bits(self.value.load(Ordering::Relaxed))
    }

    fn change(&self, change: impl Fn(f64) -> f64) {
        let outcome = self
            .value
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| {
                Some(change(f64::from_bits(bits)).to_bits())
            });
        outcome.expect("the change is never refused");
    }
}

impl Counter {
    /// Counts one.
    pub fn increment(&self, labels: &[&str]) {
        self.add(labels, 1.0);
    }

    /// Counts several.
    pub fn add(&self, labels: &[&str], by: f64) {
        self.0.series(labels).change(|value| value + by);
    }

    /// The count so far.
    pub fn value(&self, labels: &[&str]) -> f64 {
        self.0.series(labels).value()
    }
}

impl Gauge {
    /// Sets the value.
    pub fn set(&self, labels: &[&str], to: f64) {
        self.0.series(labels).change(|_| to);
    }

    /// Moves the value.
    pub fn add(&self, labels: &[&str], by: f64) {
        self.0.series(labels).change(|value| value + by);
    }

    /// The value now.
    pub fn value(&self, labels: &[&str]) -> f64 {
        self.0.series(labels).value()
    }
}

impl Histogram {
    /// Adds one observation.
    pub fn observe(&self, labels: &[&str], value: f64) {
        let series = self.0.series(labels);
        if let Some(at) = self.0.buckets.iter().position(|bound| value <= *bound) {
            series.buckets[at].fetch_add(1, Ordering::Relaxed);
        }
        series.count.fetch_add(1, Ordering::Relaxed);
        series.change(|sum| sum + value);
    }
}

#[cfg(test)]
mod tests;
