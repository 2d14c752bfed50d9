//! The way back from the log to a stream.

use std::sync::Arc;
use std::task::Waker;

use styr_store::StoreError;

use super::calls::Write;
use super::outbox::{Mail, Outbox};
use crate::txn::TxnResult;

/// Answers exactly once: if it is dropped unanswered, the log has stopped.
#[derive(Debug)]
pub(crate) struct Reply {
    outbox: Option<Arc<Outbox>>,
    stream: u32,
    write: Write,
}

impl Reply {
    pub(crate) fn new(outbox: &Arc<Outbox>, stream: u32, write: Write) -> Self {
        let outbox = Some(Arc::clone(outbox));
        Self {
            outbox,
            stream,
            write,
        }
    }

    /// Answers; the caller wakes the connection when it has nothing more for it.
    pub(crate) fn send(mut self, result: Result<TxnResult, StoreError>) -> Option<Waker> {
        let outbox = self.outbox.take()?;
        let Self { stream, write, .. } = self;
        outbox.leave(Mail::Written {
            stream,
            write,
            result,
        })
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(outbox) = self.outbox.take() {
            let (stream, write) = (self.stream, self.write);
            let stopped = StoreError::Unavailable("the store has stopped".to_owned());
            let mail = Mail::Written {
                stream,
                write,
                result: Err(stopped),
            };
            if let Some(waker) = outbox.leave(mail) {
                waker.wake();
            }
        }
    }
}
