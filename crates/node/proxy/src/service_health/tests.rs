use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use styr_base::SystemClock;

use super::*;

fn key() -> Key {
    Key::new("default", "web")
}

/// A port that nobody uses.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn ask(port: u16) -> std::io::Result<String> {
    ask_at(Ipv4Addr::LOCALHOST, port)
}

fn ask_at(ip: Ipv4Addr, port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((ip, port))?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

async fn asked(port: u16) -> std::io::Result<String> {
    tokio::task::spawn_blocking(move || ask(port))
        .await
        .unwrap()
}

#[tokio::test]
async fn answers_by_the_endpoints_that_are_here() {
    let health = Health::new(SystemClock::shared());
    health.current();
    let mut servers = ServiceHealth::new(health.clone(), Vec::new());
    let port = free_port();
    servers.set(&key(), Some(Report { port, here: 2 })).await;
    let text = asked(port).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(
        text.contains("x-load-balancing-endpoint-weight: 2"),
        "{text}"
    );
    assert!(text.contains(r#""localEndpoints":2"#), "{text}");
    servers.set(&key(), Some(Report { port, here: 0 })).await;
    assert!(asked(port).await.unwrap().starts_with("HTTP/1.1 503"));
    servers.set(&key(), Some(Report { port, here: 1 })).await;
    health.behind();
    let text = asked(port).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    assert!(text.contains(r#""serviceProxyHealthy":false"#), "{text}");
}

#[tokio::test]
async fn a_service_that_goes_closes_its_port() {
    let mut servers = ServiceHealth::new(Health::new(SystemClock::shared()), Vec::new());
    let port = free_port();
    servers.set(&key(), Some(Report { port, here: 1 })).await;
    assert!(asked(port).await.is_ok());
    servers.set(&key(), None).await;
    while asked(port).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn listens_only_where_node_ports_answer() {
    let loopback = vec![(Ipv4Addr::LOCALHOST, 32)];
    let mut servers = ServiceHealth::new(Health::new(SystemClock::shared()), loopback);
    let port = free_port();
    servers.set(&key(), Some(Report { port, here: 1 })).await;
    let other = Ipv4Addr::new(127, 0, 0, 2);
    let elsewhere = move || ask_at(other, port).unwrap_err().kind();
    let elsewhere = tokio::task::spawn_blocking(elsewhere).await.unwrap();
    assert_eq!(elsewhere, std::io::ErrorKind::ConnectionRefused);
    assert!(asked(port).await.is_ok());
    // An address that this machine does not have.
    servers.set_addresses(vec![(Ipv4Addr::new(192, 0, 2, 1), 32)]);
    servers.set(&key(), Some(Report { port, here: 1 })).await;
    while asked(port).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
