//! How many requests are answered at a time: upstream's `--max-requests-inflight`.
//!
//! This is the place of fairness in the chain. Watches, and streams to containers, do not count
//! once they are open.

use std::sync::Arc;

use styr_meta::Status;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::request::RequestInfo;
use crate::status;

/// Watches at a time; a limit of memory, not of work.
const WATCHES_MAX: usize = 20_000;

/// Held while a request is answered. Shared, so that a stream can keep it.
#[derive(Debug, Clone)]
pub struct Permit(#[expect(dead_code, reason = "held, not read")] Arc<OwnedSemaphorePermit>);

/// The bounds.
#[derive(Debug)]
pub struct Limits {
    reading: Arc<Semaphore>,
    mutating: Arc<Semaphore>,
    watching: Arc<Semaphore>,
}

impl Limits {
    pub fn new(reading_max: usize, mutating_max: usize) -> Self {
        Self {
            reading: Arc::new(Semaphore::new(reading_max)),
            mutating: Arc::new(Semaphore::new(mutating_max)),
            watching: Arc::new(Semaphore::new(WATCHES_MAX)),
        }
    }

    /// A place for a request, or 429.
    pub fn enter(&self, info: &RequestInfo) -> Result<Permit, Status> {
        let semaphore = match info.verb.as_str() {
            "watch" => &self.watching,
            "get" | "list" | "head" => match info.subresource.as_str() {
                "log" | "exec" | "attach" | "portforward" | "proxy" => &self.watching,
                _ => &self.reading,
            },
            _ => &self.mutating,
        };
        let permit = Arc::clone(semaphore).try_acquire_owned();
        permit
            .map(|permit| Permit(Arc::new(permit)))
            .map_err(|_| status::too_many_requests())
    }
}
