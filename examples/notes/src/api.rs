//! The API: notes over HTTP. Reading is free; who writes shows the token.
//!
//! `GET /notes`, `POST /notes` (the body is the text), `GET /notes/ID`, `DELETE /notes/ID`.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Request, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::notes::{AddError, Note, Notes};
use crate::serve::{Answer, Application, text, typed};
use crate::settings::{Identity, Token};

/// What `GET /notes` answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Listing {
    /// Which pod answered.
    pub served_by: String,
    /// Its version.
    pub version: String,
    /// All notes, the oldest first.
    pub notes: Vec<Note>,
}

/// The application.
#[derive(Debug)]
pub struct Api {
    /// Where notes are.
    pub notes: Notes,
    /// What writers must know.
    pub token: Token,
    /// Who answers.
    pub identity: Identity,
}

impl Application for Api {
    async fn answer(&self, request: Request<Bytes>) -> Answer {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        if head.method != Method::GET {
            match self.may_write(&head.headers) {
                Ok(true) => {}
                Ok(false) => return text(StatusCode::UNAUTHORIZED, "writing needs the token"),
                Err(error) => return broken(&error),
            }
        }
        let outcome = match (&head.method, path, note_id(path)) {
            (&Method::GET, "/notes", _) => self.list().await,
            (&Method::POST, "/notes", _) => self.add(body).await,
            (&Method::GET, _, Some(id)) => self.get(id).await,
            (&Method::DELETE, _, Some(id)) => self.remove(id).await,
            (_, "/notes", _) | (_, _, Some(_)) => Ok(text(
                StatusCode::METHOD_NOT_ALLOWED,
                "notes are not used like that",
            )),
            _ => Ok(text(StatusCode::NOT_FOUND, "there are only /notes")),
        };
        outcome.unwrap_or_else(|error| broken(&error))
    }

    async fn ready(&self) -> Result<()> {
        self.on_disk(|notes| notes.check().context("could not write to the volume"))
            .await
    }
}

impl Api {
    async fn list(&self) -> Result<Answer> {
        let notes = self
            .on_disk(|notes| notes.list().context("could not read the notes"))
            .await?;
        let listing = Listing {
            served_by: self.identity.pod.clone(),
            version: self.identity.version.clone(),
            notes,
        };
        json(StatusCode::OK, &listing)
    }

    async fn add(&self, body: Bytes) -> Result<Answer> {
        let Ok(words) = String::from_utf8(body.into()) else {
            return Ok(text(StatusCode::BAD_REQUEST, "a note is UTF-8"));
        };
        let added = self
            .on_disk(move |notes| Ok(notes.add(&words, now())))
            .await?;
        let refused = |status, error: AddError| Ok(text(status, &error.to_string()));
        match added {
            Ok(note) => json(StatusCode::CREATED, &note),
            Err(error @ (AddError::Empty | AddError::TooLong)) => {
                refused(StatusCode::BAD_REQUEST, error)
            }
            Err(error @ AddError::Full) => refused(StatusCode::INSUFFICIENT_STORAGE, error),
            Err(error @ AddError::Disk(_)) => Err(error.into()),
        }
    }

    async fn get(&self, id: u64) -> Result<Answer> {
        let found = self
            .on_disk(move |notes| notes.get(id).context("could not read the note"))
            .await?;
        match found {
            Some(note) => json(StatusCode::OK, &note),
            None => Ok(no_note(id)),
        }
    }

    async fn remove(&self, id: u64) -> Result<Answer> {
        let removed = self
            .on_disk(move |notes| notes.remove(id).context("could not remove the note"))
            .await?;
        Ok(if removed {
            text(StatusCode::OK, "removed")
        } else {
            no_note(id)
        })
    }

    /// Disks may be slow; connections do not wait for those of others.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Notes) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let notes = self.notes.clone();
        tokio::task::spawn_blocking(move || work(&notes))
            .await
            .context("work on the disk ended early")?
    }

    fn may_write(&self, headers: &HeaderMap) -> Result<bool> {
        let expected = format!("Bearer {}", self.token.read()?);
        let shown = headers
            .get(AUTHORIZATION)
            .map_or(&b""[..], |value| value.as_bytes());
        Ok(is_same(shown, expected.as_bytes()))
    }
}

/// To the second: notes are read by people.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Compares in a time that tells nothing about how much is right.
fn is_same(shown: &[u8], expected: &[u8]) -> bool {
    let pairs = shown.iter().zip(expected);
    shown.len() == expected.len() && pairs.fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

fn note_id(path: &str) -> Option<u64> {
    path.strip_prefix("/notes/")?.parse().ok()
}

fn no_note(id: u64) -> Answer {
    text(StatusCode::NOT_FOUND, &format!("there is no note {id}"))
}

fn json(status: StatusCode, body: &impl Serialize) -> Result<Answer> {
    let mut bytes = serde_json::to_vec(body).context("could not write JSON")?;
    bytes.push(b'\n');
    Ok(typed(status, "application/json", bytes))
}

/// Causes go to the log; users are told that it is not their fault.
fn broken(error: &anyhow::Error) -> Answer {
    tracing::error!("{error:#}");
    text(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the notes cannot be reached",
    )
}

#[cfg(test)]
mod tests;
