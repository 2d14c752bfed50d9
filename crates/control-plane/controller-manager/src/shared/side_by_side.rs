//! Does things that do not depend on each other side by side, but not all at once.
//!
//! Each request under way has a connection of its own: a thousand of them cost the server more than
//! they save.

use std::future::Future;

use futures::StreamExt as _;
use futures::future::join;
use futures::stream;

/// Requests that one pass has under way at a time.
const AT_ONCE: usize = 32;

/// Runs all steps; answers in the order in which they end.
pub(crate) async fn run<F: Future>(steps: Vec<F>) -> Vec<F::Output> {
    stream::iter(steps)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

/// Runs what creates and what deletes; answers the first error of either.
pub(crate) async fn create_and_delete<C, D, E>(creations: Vec<C>, deletions: Vec<D>) -> Option<E>
where
    C: Future<Output = Result<(), E>>,
    D: Future<Output = Result<(), E>>,
{
    let (created, deleted) = join(run(creations), run(deletions)).await;
    created.into_iter().chain(deleted).find_map(Result::err)
}

#[cfg(test)]
mod tests;
