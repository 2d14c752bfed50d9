//! What a command says while it works: one line per step, with the time that it took.

use std::io::Write;
use std::time::Duration;

use styr_base::SharedClock;

/// Where the times stand, so that they read as a column.
const WIDTH: usize = 46;

/// Tells steps to a writer.
pub struct Progress {
    out: Box<dyn Write + Send>,
    clock: SharedClock,
    started: Duration,
    step_began: Duration,
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
            step_began: started,
        }
    }

    /// Says nothing, but keeps counting.
    pub fn quiet(clock: SharedClock) -> Self {
        Self::new(Box::new(std::io::sink()), clock)
    }

    /// A step has ended well.
    pub fn step(&mut self, text: &str) {
        let now = self.clock.monotonic();
        let took = now.saturating_sub(self.step_began).as_secs_f64();
        self.step_began = now;
        self.line(&format!(" \u{2713} {text:<WIDTH$} {took:6.2} s"));
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.started)
    }

    /// Anything else.
    pub fn line(&mut self, text: &str) {
        // Nobody reads: that is no reason to stop the work.
        let _ = writeln!(self.out, "{text}");
    }
}
