//! `errors`: writes to the log why a question failed.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Block, Settings};
use crate::chain::{Next, Outcome, Plugin, Request};
use crate::corefile::{CorefileError, Directive};
use crate::wire::kind;

struct Errors;

pub(super) fn set_up(
    directive: &Directive,
    block: &mut Block,
    _: &mut Settings,
) -> Result<(), CorefileError> {
    directive.expect_no_block()?;
    block.plugins.push(Arc::new(Errors));
    Ok(())
}

#[async_trait]
impl Plugin for Errors {
    async fn answer(&self, request: &Request, next: Next<'_>) -> Outcome {
        let outcome = next.answer(request).await;
        if let Err(failure) = &outcome {
            let kind = kind::name(request.question.kind);
            tracing::error!(name = %request.name, kind, "{failure}");
        }
        outcome
    }
}
