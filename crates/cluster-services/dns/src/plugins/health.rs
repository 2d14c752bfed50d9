//! `health [ADDRESS] { lameduck DURATION }`: `/health` answers as long as the process lives.

use super::{Block, Settings, address, duration};
use crate::corefile::{CorefileError, Directive};

const ADDRESS: &str = ":8080";

pub(super) fn set_up(
    directive: &Directive,
    _: &mut Block,
    settings: &mut Settings,
) -> Result<(), CorefileError> {
    let text = directive.arguments.first().map_or(ADDRESS, String::as_str);
    settings.health = Some(address(directive, text)?);
    for property in &directive.block {
        match property.name.as_str() {
            "lameduck" => {
                property.expect_arguments(1)?;
                settings.lameduck = duration(property, &property.arguments[0])?;
            }
            _ => return Err(property.error("unknown property of health")),
        }
    }
    Ok(())
}
