//! The web front: a page for people, and the API's answers for programs.
//!
//! It keeps nothing; whatever it shows it asks the API for, which it finds by the name of a service.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;

use crate::api::Listing;
use crate::client;
use crate::page::page;
use crate::serve::{Answer, Application, text, typed};
use crate::settings::{Identity, Token};

const FORM: &str = "application/x-www-form-urlencoded";

/// The application.
#[derive(Debug)]
pub struct Web {
    /// Where the API is, without a path: `http://notes-api`.
    pub api: String,
    /// Above the page.
    pub title: String,
    /// Shown to the API when something is written.
    pub token: Token,
    /// Who answers.
    pub identity: Identity,
}

impl Application for Web {
    async fn answer(&self, request: Request<Bytes>) -> Answer {
        let path = request.uri().path().to_owned();
        let outcome = match (request.method(), path.as_str()) {
            (&Method::GET, "/") => self.page().await,
            (&Method::GET, "/notes") => self.ask(Method::GET, "/notes", Bytes::new()).await,
            (&Method::POST, "/notes") => self.add(request).await,
            (&Method::POST, _) if deletion(&path).is_some() => {
                self.remove(deletion(&path).unwrap_or_default()).await
            }
            _ => Ok(text(StatusCode::NOT_FOUND, "there is nothing here")),
        };
        outcome.unwrap_or_else(|error| {
            tracing::error!("{error:#}");
            text(StatusCode::BAD_GATEWAY, "the notes cannot be reached")
        })
    }

    /// A front that shows an error is still a front: the API's troubles are not its own.
    async fn ready(&self) -> Result<()> {
        Ok(())
    }
}

impl Web {
    async fn page(&self) -> Result<Answer> {
        let answer = self.send(Method::GET, "/notes", Bytes::new()).await?;
        let listing: Listing = serde_json::from_slice(answer.body())
            .with_context(|| format!("the API answered {} and no notes", answer.status()))?;
        let html = page(&self.title, &listing, &self.identity);
        Ok(typed(StatusCode::OK, "text/html; charset=utf-8", html))
    }

    async fn add(&self, request: Request<Bytes>) -> Result<Answer> {
        let kind = request.headers().get(CONTENT_TYPE);
        let is_form = kind.is_some_and(|kind| kind.as_bytes().starts_with(FORM.as_bytes()));
        let body = request.into_body();
        if !is_form {
            return self.ask(Method::POST, "/notes", body).await;
        }
        let mut fields = form_urlencoded::parse(&body);
        let Some((_, words)) = fields.find(|(name, _)| name == "text") else {
            return Ok(text(
                StatusCode::BAD_REQUEST,
                "the form lacks the field text",
            ));
        };
        let words = Bytes::from(words.into_owned());
        self.send_and_show(Method::POST, "/notes", words).await
    }

    async fn remove(&self, id: u64) -> Result<Answer> {
        let path = format!("/notes/{id}");
        self.send_and_show(Method::DELETE, &path, Bytes::new())
            .await
    }

    /// A browser is sent back to the page, unless there is an error to be read.
    async fn send_and_show(&self, method: Method, path: &str, body: Bytes) -> Result<Answer> {
        let answer = self.ask(method, path, body).await?;
        if !answer.status().is_success() {
            return Ok(answer);
        }
        let mut back = text(StatusCode::SEE_OTHER, "done");
        back.headers_mut()
            .insert(LOCATION, HeaderValue::from_static("/"));
        Ok(back)
    }

    /// Asks the API, and hands its answer on.
    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Answer> {
        let answer = self.send(method, path, body).await?;
        let mut handed_on = Response::new(Full::new(answer.body().clone()));
        *handed_on.status_mut() = answer.status();
        if let Some(kind) = answer.headers().get(CONTENT_TYPE) {
            handed_on.headers_mut().insert(CONTENT_TYPE, kind.clone());
        }
        Ok(handed_on)
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Bytes>> {
        let mut request = Request::builder()
            .uri(format!("{}{path}", self.api))
            .method(&method);
        if method != Method::GET {
            request = request.header(AUTHORIZATION, format!("Bearer {}", self.token.read()?));
        }
        client::send(request.body(body)?).await
    }
}

/// The note that a form asks to delete; browsers know no other way than a POST.
fn deletion(path: &str) -> Option<u64> {
    path.strip_prefix("/notes/")?
        .strip_suffix("/delete")?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests;
