//! Serves the pages. `notes-web get URL` asks any service instead, for a look from inside.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::Request;
use notes::client;
use notes::serve::{LEAVING_TIME, serve};
use notes::settings::{Identity, Token, told_to_end, variable};
use notes::web::Web;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_ansi(false).init();
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (None, _) => web().await,
        (Some("get"), Some(url)) => get(&url).await,
        _ => bail!("unknown command: there is get URL"),
    }
}

async fn web() -> Result<()> {
    let address = variable("LISTEN", "0.0.0.0:8080");
    let web = Web {
        api: variable("API", "http://notes-api"),
        title: variable("TITLE", "Notes"),
        token: Token::in_file(variable("TOKEN_FILE", "/etc/notes/token")),
        identity: Identity::from_environment(),
    };
    let end = told_to_end().context("could not listen for signals")?;
    let listener = TcpListener::bind(&address)
        .await
        .with_context(|| format!("could not listen on {address}"))?;
    tracing::info!(
        version = web.identity.version,
        address,
        api = web.api,
        "serving pages"
    );
    serve(listener, Arc::new(web), end, LEAVING_TIME).await;
    Ok(())
}

async fn get(url: &str) -> Result<()> {
    let request = Request::get(url).body(Bytes::new());
    let answer = client::send(request.with_context(|| format!("{url:?} is no URL"))?).await?;
    std::io::stdout()
        .write_all(answer.body())
        .context("could not print")?;
    if !answer.status().is_success() {
        bail!("{url} answered {}", answer.status());
    }
    Ok(())
}
