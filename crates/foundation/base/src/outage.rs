//! Says that something cannot be reached: once at the start, and again only if that lasts.
//!
//! Whoever tries again and again reports each failure here, and nobody has to read them all. A
//! server that is just starting costs its clients one line each.

use std::fmt::Display;
use std::time::Duration;

/// What is down for as long as this is no longer just starting.
const LASTING: Duration = Duration::from_secs(30);
/// How often something that stays down is mentioned.
const REPEAT: Duration = Duration::from_secs(60);

/// One thing that may be out of reach.
#[derive(Debug, Clone, Default)]
pub struct Outage {
    began: Option<Duration>,
    warned: Option<Duration>,
}

/// How loudly a failure is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notice {
    First,
    Known,
    Lasting,
}

impl Outage {
    /// Reports one more failure at `now`, a reading of [`crate::Clock::monotonic`].
    pub fn failed(&mut self, now: Duration, attempt: &str, error: &dyn Display) {
        match self.notice(now) {
            Notice::First => tracing::info!(%error, "{attempt}; trying again"),
            Notice::Known => tracing::debug!(%error, "{attempt}"),
            Notice::Lasting => {
                let began = self.began.unwrap_or(now);
                let seconds = now.saturating_sub(began).as_secs();
                tracing::warn!(%error, seconds, "{attempt}, for a while now");
            }
        }
    }

    /// It can be reached again.
    pub fn ended(&mut self) {
        *self = Self::default();
    }

    fn notice(&mut self, now: Duration) -> Notice {
        let Some(began) = self.began else {
            self.began = Some(now);
            return Notice::First;
        };
        let is_due = match self.warned {
            None => now.saturating_sub(began) >= LASTING,
            Some(warned) => now.saturating_sub(warned) >= REPEAT,
        };
        if !is_due {
            return Notice::Known;
        }
        self.warned = Some(now);
        Notice::Lasting
    }
}

#[cfg(test)]
mod tests;
