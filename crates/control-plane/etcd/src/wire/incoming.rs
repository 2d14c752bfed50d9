//! The body of a request that a handler reads while it comes in.
//!
//! What waits in it is limited by the stream's window, which grows only as the handler reads.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};
use tonic::Status;

use super::outbox::{Mail, Outbox};

/// The connection's end; a body that loses it before its end is broken off.
#[derive(Debug)]
pub(crate) struct Feed(Arc<Mutex<State>>);

/// The handler's end.
#[derive(Debug)]
pub(crate) struct Incoming {
    state: Arc<Mutex<State>>,
    outbox: Arc<Outbox>,
    stream: u32,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Bytes>,
    end: Option<End>,
    waker: Option<Waker>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Whole,
    BrokenOff,
}

/// A body of `stream`.
pub(crate) fn incoming(outbox: &Arc<Outbox>, stream: u32) -> (Feed, Incoming) {
    let state = Arc::<Mutex<State>>::default();
    let incoming = Incoming {
        state: Arc::clone(&state),
        outbox: Arc::clone(outbox),
        stream,
    };
    (Feed(state), incoming)
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no holder of this lock panics")
}

impl Feed {
    pub(crate) fn push(&self, chunk: &[u8]) {
        if !chunk.is_empty() {
            let mut state = locked(&self.0);
            state.chunks.push_back(Bytes::copy_from_slice(chunk));
            wake(state);
        }
    }

    pub(crate) fn end(&self) {
        let mut state = locked(&self.0);
        state.end.get_or_insert(End::Whole);
        wake(state);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut state = locked(&self.0);
        state.end.get_or_insert(End::BrokenOff);
        wake(state);
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut state = locked(&self.state);
        if let Some(chunk) = state.chunks.pop_front() {
            drop(state);
            let bytes = u32::try_from(chunk.len()).expect("a chunk is a part of a frame");
            let stream = self.stream;
            if let Some(waker) = self.outbox.leave(Mail::Taken { stream, bytes }) {
                waker.wake();
            }
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match state.end {
            Some(End::Whole) => Poll::Ready(None),
            Some(End::BrokenOff) => {
                let status = Status::cancelled("the client broke the request off");
                Poll::Ready(Some(Err(status)))
            }
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
