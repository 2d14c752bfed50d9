//! Named health checks, answered as upstream answers `/healthz`, `/livez` and `/readyz`.
//!
//! Plain `ok` or, with `?verbose` or on failure, one line per check. `?exclude=name` leaves one out.
//! See <https://kubernetes.io/docs/reference/using-api/health-checks/>.

use std::fmt::{self, Write as _};
use std::sync::{Arc, RwLock};

/// What a check says: fine, or why not.
pub type Outcome = Result<(), String>;

type Probe = Arc<dyn Fn() -> Outcome + Send + Sync>;

/// A list of named checks. Clones share it.
#[derive(Clone, Default)]
pub struct Checks {
    checks: Arc<RwLock<Vec<(String, Probe)>>>,
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checks = self.checks.read().expect("no holder of this lock panics");
        f.debug_list()
            .entries(checks.iter().map(|(name, _)| name))
            .finish()
    }
}

/// An answer in upstream's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// 200 or 500.
    pub code: u16,
    /// `text/plain; charset=utf-8`.
    pub text: String,
}

impl Checks {
    /// Only `ping`, which every server has.
    pub fn new() -> Self {
        let checks = Self::default();
        checks.add("ping", || Ok(()));
        checks
    }

    /// Adds a check at the end. It is asked on every request, so it must not block.
    pub fn add(&self, name: &str, probe: impl Fn() -> Outcome + Send + Sync + 'static) {
        let mut checks = self.checks.write().expect("no holder of this lock panics");
        checks.push((name.to_owned(), Arc::new(probe)));
    }

    /// Answers `endpoint` (`healthz`, `livez`, `readyz`); `query` as in the address.
    pub fn report(&self, endpoint: &str, query: &str) -> Report {
        let verbose = query
            .split('&')
            .any(|part| part == "verbose" || part.starts_with("verbose="));
        let excluded: Vec<&str> = query
            .split('&')
            .filter_map(|part| part.strip_prefix("exclude="))
            .collect();
        let probes = self
            .checks
            .read()
            .expect("no holder of this lock panics")
            .clone();
        let mut lines = String::new();
        let mut failed = false;
        for (name, probe) in &probes {
            let outcome = if excluded.contains(&name.as_str()) {
                None
            } else {
                Some(probe())
            };
            let written = match &outcome {
                None => writeln!(lines, "[+]{name} excluded: ok"),
                Some(Ok(())) => writeln!(lines, "[+]{name} ok"),
                // Details may be secret; upstream withholds them as well and logs them.
                Some(Err(reason)) => {
                    failed = true;
                    tracing::info!(check = name, %reason, endpoint, "check failed");
                    writeln!(lines, "[-]{name} failed: reason withheld")
                }
            };
            written.expect("writing to a string cannot fail");
        }
        match (failed, verbose) {
            (true, _) => Report {
                code: 500,
                text: format!("{lines}{endpoint} check failed\n"),
            },
            (false, true) => Report {
                code: 200,
                text: format!("{lines}{endpoint} check passed\n"),
            },
            (false, false) => Report {
                code: 200,
                text: "ok".to_owned(),
            },
        }
    }

    /// Answers `endpoint/name`; `None` if there is no such check.
    pub fn report_one(&self, name: &str) -> Option<Report> {
        let checks = self.checks.read().expect("no holder of this lock panics");
        let (_, probe) = checks.iter().find(|(known, _)| known == name)?;
        Some(match probe() {
            Ok(()) => Report {
                code: 200,
                text: "ok".to_owned(),
            },
            Err(reason) => Report {
                code: 500,
                text: format!("internal server error: {reason}\n"),
            },
        })
    }
}

#[cfg(test)]
mod tests;
