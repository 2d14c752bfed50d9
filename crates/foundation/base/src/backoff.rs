//! Exponential back-off with a ceiling and, if wanted, jitter.

use std::time::Duration;

use rand::Rng;

/// How long to wait before the next try. Doubles from `initial` up to `max`.
#[derive(Debug, Clone)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    jitter: f64,
    failures: u32,
}

impl Backoff {
    /// Starts at `initial` and doubles up to `max`; without jitter.
    pub const fn new(initial: Duration, max: Duration) -> Self {
        Self {
            initial,
            max,
            jitter: 0.0,
            failures: 0,
        }
    }

    /// Adds up to `fraction` of each wait at random, so that many clients spread out.
    #[must_use]
    pub const fn with_jitter(mut self, fraction: f64) -> Self {
        self.jitter = fraction;
        self
    }

    /// The wait after one more failure.
    pub fn next_wait(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures.min(31)).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let wait = self.initial.saturating_mul(factor).min(self.max);
        if self.jitter > 0.0 {
            wait.mul_f64(1.0 + rand::rng().random_range(0.0..self.jitter))
        } else {
            wait
        }
    }

    /// Forgets all failures: the last try went well.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How many tries in a row went wrong.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests;
