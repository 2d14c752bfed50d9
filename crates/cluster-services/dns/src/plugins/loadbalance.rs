//! `loadbalance [round_robin]`: shuffles the addresses of an answer.

use std::sync::Arc;

use async_trait::async_trait;
use rand::seq::SliceRandom;

use super::{Block, Settings};
use crate::chain::{Next, Outcome, Plugin, Request};
use crate::corefile::{CorefileError, Directive};
use crate::wire::{Record, kind};

struct Shuffle;

pub(super) fn set_up(
    directive: &Directive,
    block: &mut Block,
    _: &mut Settings,
) -> Result<(), CorefileError> {
    directive.expect_no_block()?;
    if let Some(policy) = directive.arguments.first()
        && policy != "round_robin"
    {
        return Err(directive.error(format_args!("policy {policy:?} is not implemented")));
    }
    block.plugins.push(Arc::new(Shuffle));
    Ok(())
}

#[async_trait]
impl Plugin for Shuffle {
    async fn answer(&self, request: &Request, next: Next<'_>) -> Outcome {
        let mut answer = next.answer(request).await?;
        shuffle(&mut answer.answers);
        shuffle(&mut answer.additional);
        Ok(answer)
    }
}

/// Aliases stay in front and in order: resolvers follow them from the top.
fn shuffle(records: &mut [Record]) {
    let is_address = |record: &Record| matches!(record.kind, kind::A | kind::AAAA | kind::MX);
    records.sort_by_key(|record| (record.kind != kind::CNAME, is_address(record)));
    let start = records.iter().position(is_address).unwrap_or(records.len());
    records[start..].shuffle(&mut rand::rng());
}
