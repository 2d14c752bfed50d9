//! A question on its way through the plugins of a server block.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;

use crate::wire::{Message, Name, Question, rcode};

/// How the question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Udp,
    Tcp,
}

/// A query with exactly one question.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) message: Message,
    pub(crate) question: Question,
    /// What is asked for, in lower case.
    pub(crate) name: Name,
    pub(crate) client: IpAddr,
    pub(crate) protocol: Protocol,
}

/// Why there is no answer; the client learns only that the server failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(pub(crate) String);

pub(crate) type Outcome = Result<Message, Failure>;

/// Answers questions, or hands them on.
#[async_trait]
pub(crate) trait Plugin: Send + Sync {
    async fn answer(&self, request: &Request, next: Next<'_>) -> Outcome;
}

/// The plugins that follow.
#[derive(Clone, Copy)]
pub(crate) struct Next<'a>(pub(crate) &'a [Arc<dyn Plugin>]);

impl Next<'_> {
    /// Asks the next plugin; behind the last one, nobody is responsible.
    pub(crate) async fn answer(self, request: &Request) -> Outcome {
        match self.0.split_first() {
            Some((first, rest)) => first.answer(request, Next(rest)).await,
            None => Ok(request.message.reply(rcode::REFUSED)),
        }
    }
}

impl Request {
    /// `None` unless there is a question.
    pub(crate) fn new(message: Message, client: IpAddr, protocol: Protocol) -> Option<Self> {
        let question = message.question.clone()?;
        Some(Self {
            name: question.name.to_lowercase(),
            message,
            question,
            client,
            protocol,
        })
    }

    /// The same client asks for another name.
    pub(crate) fn about(&self, name: Name) -> Self {
        let mut other = self.clone();
        other.name = name.to_lowercase();
        other.question.name = name;
        other.message.question = Some(other.question.clone());
        other
    }
}
