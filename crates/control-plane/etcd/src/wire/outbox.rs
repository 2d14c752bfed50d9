//! Where other threads leave what a connection has to send or to know.

use std::sync::{Mutex, MutexGuard};
use std::task::Waker;

use styr_store::StoreError;

use super::calls::Write;
use crate::txn::TxnResult;

/// Something for a connection.
#[derive(Debug)]
pub(crate) enum Mail {
    /// A write is on disk, or was refused.
    Written {
        stream: u32,
        write: Write,
        result: Result<TxnResult, StoreError>,
    },
    /// So many bytes of a request were read by whoever handles it.
    Taken { stream: u32, bytes: u32 },
}

/// The mail of one connection. What it holds is limited by the connection's streams.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    mail: Vec<Mail>,
    waker: Option<Waker>,
}

impl Outbox {
    /// Leaves something; whoever does that wakes the connection afterwards, with all that it left.
    #[must_use = "the connection sleeps until it is woken"]
    pub(crate) fn leave(&self, mail: Mail) -> Option<Waker> {
        let mut state = self.state();
        state.mail.push(mail);
        state.waker.take()
    }

    /// Takes everything into `mail`, which is empty; will wake when there is more.
    pub(crate) fn collect(&self, mail: &mut Vec<Mail>, waker: &Waker) {
        let mut state = self.state();
        std::mem::swap(&mut state.mail, mail);
        if !state.waker.as_ref().is_some_and(|it| it.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of this lock panics")
    }
}
