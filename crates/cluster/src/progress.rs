//! What a command says while it works: one line per step, with its time.

use std::io::Write;
use std::time::Duration;

use styr_base::SharedClock;

/// Tells steps to a writer.
pub struct Progress {
    out: Box<dyn Write + Send>,
    clock: SharedClock,
    started: Duration,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress")
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}

impl Progress {
    /// Starts counting.
    pub fn new(out: Box<dyn Write + Send>, clock: SharedClock) -> Self {
        let started = clock.monotonic();
        Self {
            out,
            clock,
            started,
        }
    }

    /// A step has ended.
    pub fn step(&mut self, text: &str) {
        let elapsed = self.clock.monotonic().saturating_sub(self.started);
        self.line(&format!(" ✓ {text}  {:.2} s", elapsed.as_secs_f64()));
    }

    /// Anything else.
    pub fn line(&mut self, text: &str) {
        // Nobody reads: that is no reason to stop the work.
        let _ = writeln!(self.out, "{text}");
    }
}
