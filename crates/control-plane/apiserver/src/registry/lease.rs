//! Leases for objects that the store is to forget: one lease serves many objects.

use std::time::Duration;

use styr_base::SharedClock;
use styr_store::{Store, StoreError};
use tokio::sync::Mutex;

/// A lease is reused for that long, and that many objects, as upstream does.
const REUSE: Duration = Duration::from_secs(60);
const OBJECTS_MAX: u32 = 1000;

/// Leases of one time to live.
#[derive(Debug)]
pub(crate) struct Leases {
    ttl_seconds: i64,
    current: Mutex<Option<Current>>,
}

#[derive(Debug)]
struct Current {
    id: i64,
    since: Duration,
    objects: u32,
}

impl Leases {
    pub(crate) fn new(ttl_seconds: i64) -> Self {
        Self {
            ttl_seconds,
            current: Mutex::default(),
        }
    }

    /// A lease for one more object.
    pub(crate) async fn take(
        &self,
        store: &dyn Store,
        clock: &SharedClock,
    ) -> Result<i64, StoreError> {
        let now = clock.monotonic();
        // Held across the request on purpose: concurrent writers are to share the new lease.
        let mut current = self.current.lock().await;
        if let Some(lease) = current.as_mut()
            && lease.objects < OBJECTS_MAX
            && now.saturating_sub(lease.since) < REUSE
        {
            lease.objects += 1;
            return Ok(lease.id);
        }
        let reuse = i64::try_from(REUSE.as_secs()).expect("a small constant");
        let id = store.grant_lease(self.ttl_seconds + reuse).await?;
        *current = Some(Current {
            id,
            since: now,
            objects: 1,
        });
        Ok(id)
    }
}
