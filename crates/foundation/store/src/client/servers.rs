//! Which server is asked: the same one until it fails, then the next.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};

use tonic::transport::Channel;
use tonic::{Code, ConnectError, Response, Status};

use super::convert::failure;
use crate::error::StoreError;

/// Whether a request that failed on its way may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It changes nothing.
    Always,
    /// Only if no server can have seen it.
    IfUnsent,
}

/// One connection to each server.
#[derive(Debug)]
pub(super) struct Servers {
    channels: Vec<Channel>,
    current: AtomicUsize,
}

impl Servers {
    /// At least one.
    pub(super) fn new(channels: Vec<Channel>) -> Self {
        let current = AtomicUsize::new(0);
        Self { channels, current }
    }

    /// Asks the servers one after the other until one of them answers. The first one gets a second
    /// chance at the end: all that it lacked may have been a new connection.
    pub(super) async fn ask<T, F>(
        &self,
        repeat: Repeat,
        request: impl Fn(Channel) -> F,
    ) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let mut tries_left = self.channels.len();
        loop {
            let index = self.current.load(Ordering::Relaxed);
            let status = match request(self.channels[index].clone()).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(status) => status,
            };
            if !is_fault_of_server(&status) {
                return Err(status);
            }
            self.leave(index);
            let may_repeat = repeat == Repeat::Always || is_unsent(&status);
            if tries_left == 0 || !may_repeat {
                return Err(status);
            }
            tries_left -= 1;
        }
    }

    /// As [`Self::ask`], for a stream.
    pub(super) async fn open<T, F>(&self, request: impl Fn(Channel) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let ask = |channel| {
            let opening = request(channel);
            async move { opening.await.map(Response::new) }
        };
        let opened = self.ask(Repeat::Always, ask).await;
        opened.map_err(|status| failure(&status))
    }

    /// The next request goes to another server, unless somebody has already seen to that.
    fn leave(&self, index: usize) {
        let next = (index + 1) % self.channels.len();
        let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
        let _ = self.current.compare_exchange(index, next, success, failure);
    }
}

/// Whether another server could do better: this one said that it cannot, or was not reached.
fn is_fault_of_server(status: &Status) -> bool {
    status.code() == Code::Unavailable || std::error::Error::source(status).is_some()
}

fn is_unsent(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if error.is::<ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}
