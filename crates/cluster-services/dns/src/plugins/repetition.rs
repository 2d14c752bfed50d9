//! `loop`: a question that only we can have asked and that keeps coming back means that `forward`
//! leads to ourselves. The server then ends with an error rather than to eat the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use rand::Rng;

use super::{Block, Fatal, Settings};
use crate::chain::{Next, Outcome, Plugin, Request};
use crate::corefile::{CorefileError, Directive};
use crate::wire::{Name, kind};

/// Ours, and one that an upstream server sent twice.
const SIGHTINGS_MAX: u32 = 2;

struct Watch {
    probe: Name,
    sightings: AtomicU32,
    fatal: Arc<Fatal>,
}

pub(super) fn set_up(
    directive: &Directive,
    block: &mut Block,
    settings: &mut Settings,
) -> Result<(), CorefileError> {
    directive.expect_arguments(0)?;
    directive.expect_no_block()?;
    let mut random = rand::rng();
    let labels = [random.random::<u64>(), random.random::<u64>()].map(|number| number.to_string());
    let zone = block.zones.first().cloned().unwrap_or_else(Name::root);
    let probe = zone
        .child(&[&labels[0], &labels[1]])
        .ok_or_else(|| directive.error("the zone's name is too long"))?;
    settings.probes.push((block.port, probe.clone()));
    block.plugins.push(Arc::new(Watch {
        probe,
        sightings: AtomicU32::new(0),
        fatal: Arc::clone(&settings.fatal),
    }));
    Ok(())
}

#[async_trait]
impl Plugin for Watch {
    async fn answer(&self, request: &Request, next: Next<'_>) -> Outcome {
        if request.question.kind == kind::HINFO && request.name == self.probe {
            let before = self.sightings.fetch_add(1, Ordering::Relaxed);
            if before >= SIGHTINGS_MAX {
                let client = request.client;
                self.fatal.tell(format!(
                    "loop ({client} -> us) detected: forward leads to this server itself, see \
                     https://coredns.io/plugins/loop#troubleshooting"
                ));
            }
        }
        next.answer(request).await
    }
}
