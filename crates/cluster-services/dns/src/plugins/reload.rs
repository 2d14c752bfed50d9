//! `reload [INTERVAL] [JITTER]`: takes in a changed Corefile without a restart.
//!
//! Upstream looks at the file from time to time, and so do we: the kubelet swaps mounted files by
//! links, which no watch on the file itself would see. Half a minute is upstream's interval.

use std::time::Duration;

use super::{Block, Settings, duration};
use crate::corefile::{CorefileError, Directive};

const INTERVAL: Duration = Duration::from_secs(30);
const INTERVAL_MIN: Duration = Duration::from_secs(2);

pub(super) fn set_up(
    directive: &Directive,
    _: &mut Block,
    settings: &mut Settings,
) -> Result<(), CorefileError> {
    directive.expect_no_block()?;
    let interval = match directive.arguments.first() {
        Some(text) => duration(directive, text)?,
        None => INTERVAL,
    };
    if interval < INTERVAL_MIN {
        return Err(directive.error("the interval must be at least 2s"));
    }
    settings.reload = Some(interval);
    Ok(())
}
