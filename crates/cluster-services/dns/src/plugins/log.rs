//! `log`: writes every question and its answer's code to the log.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Block, Settings};
use crate::chain::{Next, Outcome, Plugin, Request};
use crate::corefile::{CorefileError, Directive};
use crate::wire::{kind, rcode};

struct Log;

pub(super) fn set_up(
    directive: &Directive,
    block: &mut Block,
    _: &mut Settings,
) -> Result<(), CorefileError> {
    directive.expect_arguments(0)?;
    directive.expect_no_block()?;
    block.plugins.push(Arc::new(Log));
    Ok(())
}

#[async_trait]
impl Plugin for Log {
    async fn answer(&self, request: &Request, next: Next<'_>) -> Outcome {
        let outcome = next.answer(request).await;
        let code = outcome
            .as_ref()
            .map_or("SERVFAIL", |answer| rcode::name(answer.code));
        let kind = kind::name(request.question.kind);
        tracing::info!(client = %request.client, name = %request.question.name, kind, code, "query");
        outcome
    }
}
