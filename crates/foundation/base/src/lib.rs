//! What everything stands on: time, back-off, outages, task ownership, shutdown.
//!
//! Nothing here knows Kubernetes. Time is an argument ([`Clock`]), so that tests step it and a
//! fault can be replayed from a seed; a task always has an owner ([`Tasks`]) that stops it and
//! sees its error.

pub mod backoff;
pub mod clock;
pub mod outage;
pub mod shutdown;
pub mod tasks;

pub use backoff::Backoff;
pub use clock::{Clock, SharedClock, SteppedClock, SystemClock};
pub use outage::Outage;
pub use shutdown::Shutdown;
pub use tasks::Tasks;
