//! A client of the web, as small as can be: one request, one connection, one answer.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Nobody answers later than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// Status and body of what `address` answers; an error if nobody does.
pub(crate) fn get(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    ask(address, &format!("GET {path} HTTP/1.1\r\n"), "")
}

/// As [`get`], with something to say.
pub(crate) fn post(address: SocketAddr, path: &str, body: &str) -> std::io::Result<(u16, String)> {
    ask(address, &format!("POST {path} HTTP/1.1\r\n"), body)
}

fn ask(address: SocketAddr, first_line: &str, body: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    let request = format!(
        "{first_line}host: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let damaged = || std::io::Error::other(format!("no HTTP: {answer:?}"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(damaged)?;
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    Ok((status.ok_or_else(damaged)?, body.to_owned()))
}
