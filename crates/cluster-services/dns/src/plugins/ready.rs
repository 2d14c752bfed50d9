//! `ready [ADDRESS]`: `/ready` answers 200 once every plugin can do its work.

use super::{Block, Settings, address};
use crate::corefile::{CorefileError, Directive};

const ADDRESS: &str = ":8181";

pub(super) fn set_up(
    directive: &Directive,
    _: &mut Block,
    settings: &mut Settings,
) -> Result<(), CorefileError> {
    directive.expect_no_block()?;
    let text = directive.arguments.first().map_or(ADDRESS, String::as_str);
    settings.ready = Some(address(directive, text)?);
    Ok(())
}
