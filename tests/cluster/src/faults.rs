//! What goes wrong between a client and the server, out of a seed.
//!
//! A request is refused, or is done and its answer lost; a stream is cut after some frames. All of
//! that happens on real networks, and a controller has to come out right of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use styr_apiserver::Server;
use tower::{BoxError, Service};

/// How often what goes wrong. Shares are of 1.
#[derive(Debug)]
pub struct Faults {
    /// Requests that never reach the server.
    pub refused: f64,
    /// Requests that are done, without anybody being told.
    pub unanswered: f64,
    /// Frames after which a stream ends.
    pub cut: f64,
    random: Mutex<StdRng>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Refused,
    Unanswered,
    Served,
}

impl Faults {
    /// A fair amount of everything.
    pub fn seeded(seed: u64) -> Self {
        Self {
            refused: 0.05,
            unanswered: 0.05,
            cut: 0.02,
            random: Mutex::new(StdRng::seed_from_u64(seed)),
        }
    }

    fn happens(&self, share: f64) -> bool {
        let mut random = self.random.lock().expect("no holder of this lock panics");
        random.random_bool(share)
    }

    fn fate(&self) -> Fate {
        if self.happens(self.refused) {
            Fate::Refused
        } else if self.happens(self.unanswered) {
            Fate::Unanswered
        } else {
            Fate::Served
        }
    }
}

/// The server behind a bad network.
#[derive(Debug, Clone)]
pub(crate) struct Faulty {
    server: Server,
    faults: Arc<Faults>,
}

impl Faulty {
    pub(crate) fn new(server: Server, faults: &Arc<Faults>) -> Self {
        Self {
            server,
            faults: Arc::clone(faults),
        }
    }
}

impl Service<Request<kube::client::Body>> for Faulty {
    type Response = Response<Cut>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        let faults = Arc::clone(&self.faults);
        let fate = faults.fate();
        if fate == Fate::Refused {
            return Box::pin(std::future::ready(Err("the connection was refused".into())));
        }
        let answer = self.server.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            if fate == Fate::Unanswered {
                return Err("the connection was lost".into());
            }
            Ok(answer.map(|body| Cut {
                body: Box::pin(body),
                faults,
            }))
        })
    }
}

type ServerBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// A body that may end before its end.
pub(crate) struct Cut {
    body: ServerBody,
    faults: Arc<Faults>,
}

impl Body for Cut {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = self.body.as_mut().poll_frame(context);
        if frame.is_ready() && self.faults.happens(self.faults.cut) {
            return Poll::Ready(Some(Err("the stream was cut".into())));
        }
        frame
    }
}
