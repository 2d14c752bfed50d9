//! Does many alike things: one first, then twice as many at a time for as long as all go well.
//!
//! So a quota or a broken template costs one refused request, not hundreds.

use std::future::Future;

use super::side_by_side;

/// Runs `step` up to `count` times; answers how many went well, and the first error.
pub(crate) async fn run<F, E>(count: usize, step: impl Fn() -> F) -> (usize, Option<E>)
where
    F: Future<Output = Result<(), E>>,
{
    let mut done = 0;
    let mut batch = 1;
    while done < count {
        let size = batch.min(count - done);
        let results = side_by_side::run((0..size).map(|_| step()).collect()).await;
        let failed = results.iter().filter(|result| result.is_err()).count();
        done += size - failed;
        if let Some(error) = results.into_iter().find_map(Result::err) {
            return (done, Some(error));
        }
        batch = size * 2;
    }
    (done, None)
}
