//! Serves the notes of a folder. `notes-api list` and `notes-api check` look into it instead.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use notes::api::Api;
use notes::notes::Notes;
use notes::serve::{LEAVING_TIME, serve};
use notes::settings::{Identity, Token, told_to_end, variable};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_ansi(false).init();
    let folder = variable("NOTES_FOLDER", "/var/lib/notes");
    let notes = Notes::open(&folder).with_context(|| format!("could not open {folder}"))?;
    match std::env::args().nth(1).as_deref() {
        None => api(notes).await,
        Some("check") => notes.check().context("could not write to the volume"),
        Some("list") => list(&notes),
        Some(other) => bail!("unknown command {other:?}: there are check and list"),
    }
}

async fn api(notes: Notes) -> Result<()> {
    let address = variable("LISTEN", "0.0.0.0:8080");
    let token = Token::in_file(variable("TOKEN_FILE", "/etc/notes/token"));
    let identity = Identity::from_environment();
    let end = told_to_end().context("could not listen for signals")?;
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("could not listen on {address}"))?;
    tracing::info!(version = identity.version, address, "serving notes");
    let api = Api {
        notes,
        token,
        identity,
    };
    serve(listener, Arc::new(api), end, LEAVING_TIME).await;
    Ok(())
}

fn list(notes: &Notes) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for note in notes.list().context("could not read the notes")? {
        writeln!(out, "{}  {}  {}", note.id, note.created, note.text)?;
    }
    Ok(())
}
