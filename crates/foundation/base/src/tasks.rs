//! Tasks with an owner.
//!
//! A [`Tasks`] ends its tasks when it is dropped, and hands their first error to whoever waits.

use std::future::Future;
use std::sync::Mutex;

use tokio::task::{AbortHandle, JoinSet};

/// An error of any kind, as a task reports it.
pub type TaskError = Box<dyn std::error::Error + Send + Sync>;

/// A set of running tasks that end with their owner.
#[derive(Debug, Default)]
pub struct Tasks {
    running: Mutex<JoinSet<Result<(), TaskError>>>,
}

impl Tasks {
    /// A set without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a task that can fail. Finished tasks without an error are forgotten on the way.
    pub fn spawn<F, E>(&self, task: F) -> AbortHandle
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<TaskError>,
    {
        self.running
            .lock()
            .expect("no holder of this lock panics")
            .spawn(async move { task.await.map_err(Into::into) })
    }

    /// Runs a task that cannot fail, and forgets those that have ended.
    pub fn spawn_infallible<F>(&self, task: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut running = self.running.lock().expect("no holder of this lock panics");
        while let Some(ended) = running.try_join_next() {
            report(ended);
        }
        running.spawn(async move {
            task.await;
            Ok(())
        })
    }

    /// Waits until all have ended, or one has failed; the others are then stopped.
    pub async fn join(self) -> Result<(), TaskError> {
        let mut running = self
            .running
            .into_inner()
            .expect("no holder of this lock panics");
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok(result) => result?,
                Err(error) if error.is_cancelled() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// How many have not ended, or have ended without anybody having looked.
    pub fn len(&self) -> usize {
        self.running
            .lock()
            .expect("no holder of this lock panics")
            .len()
    }

    /// Whether there is nothing to wait for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn report(ended: Result<Result<(), TaskError>, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "task ended"),
        Err(error) if error.is_cancelled() => {}
        Err(error) => tracing::error!(%error, "task panicked"),
    }
}

#[cfg(test)]
mod tests;
