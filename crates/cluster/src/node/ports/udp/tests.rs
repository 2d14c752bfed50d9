use styr_base::SteppedClock;

use super::*;

const LOOPBACK: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// A node's port that answers each datagram with it and the port that it came from.
async fn echo() -> (Tasks, SocketAddr) {
    let socket = UdpSocket::bind(LOOPBACK).await.unwrap();
    let address = socket.local_addr().unwrap();
    let tasks = Tasks::new();
    tasks.spawn_infallible(async move {
        let mut buffer = [0; 64];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let answer = format!("{text} {}", peer.port());
            socket.send_to(answer.as_bytes(), peer).await.unwrap();
        }
    });
    (tasks, address)
}

async fn relay(clock: SharedClock) -> (Tasks, SocketAddr) {
    let (echo, target) = echo().await;
    let host = UdpSocket::bind(LOOPBACK).await.unwrap();
    let address = host.local_addr().unwrap();
    let tasks = echo;
    tasks.spawn_infallible(carry(host, target, clock));
    (tasks, address)
}

async fn client(of: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(LOOPBACK).await.unwrap();
    socket.connect(of).await.unwrap();
    socket
}

/// The answer's words: what was asked, and the port that the node saw.
async fn ask(client: &UdpSocket, text: &str) -> (String, String) {
    client.send(text.as_bytes()).await.unwrap();
    let mut buffer = [0; 64];
    let length = client.recv(&mut buffer).await.unwrap();
    let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
    let (said, port) = answer.split_once(' ').unwrap();
    (said.to_owned(), port.to_owned())
}

#[tokio::test]
async fn each_client_gets_its_own_answers() {
    let (_tasks, address) = relay(SteppedClock::shared()).await;
    let (first, second) = (client(address).await, client(address).await);
    let (said, port) = ask(&first, "one").await;
    assert_eq!(said, "one");
    let (said, other) = ask(&second, "two").await;
    assert_eq!(said, "two");
    assert_ne!(port, other);
    assert_eq!(ask(&first, "again").await, ("again".to_owned(), port));
}

#[tokio::test]
async fn a_client_that_was_forgotten_is_served_again() {
    let clock = SteppedClock::shared();
    let (_tasks, address) = relay(clock.clone()).await;
    let socket = client(address).await;
    ask(&socket, "one").await;
    while clock.next_due().is_none() {
        tokio::task::yield_now().await;
    }
    clock.step(IDLE_MAX);
    let (said, _) = ask(&socket, "two").await;
    assert_eq!(said, "two");
}
