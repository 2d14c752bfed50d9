use std::net::Ipv4Addr;

use styr_base::SystemClock;
use tokio::net::UdpSocket;

use super::*;
use crate::corefile;
use crate::plugins::Settings;
use crate::wire::{Question, Record, kind};

/// Serves a Corefile on a free port, and answers that port.
async fn start(text: &str, tasks: &Tasks) -> (u16, Arc<crate::plugins::Fatal>) {
    let blocks = corefile::parse(text).unwrap();
    let clock = SystemClock::shared();
    let mut settings = Settings::new(Arc::clone(&clock), None);
    let blocks = settings.build(&blocks, 0).unwrap();
    let sockets = bind(0).await.unwrap();
    let number = sockets.port().unwrap();
    let port = Port { number, blocks };
    tasks.spawn_infallible(serve(port, sockets, clock, Shutdown::new()));
    (number, settings.fatal)
}

/// Another server: answers every question with 100 addresses, over UDP and TCP.
async fn upstream(tasks: &Tasks) -> u16 {
    let sockets = bind(0).await.unwrap();
    let number = sockets.port().unwrap();
    let many = |bytes: &[u8], size| {
        let query = Message::decode(bytes).unwrap();
        let name = query.question.clone().unwrap().name;
        let mut answer = query.reply(rcode::NO_ERROR);
        answer.answers = (0..100)
            .map(|last| Record::a(name.clone(), 60, Ipv4Addr::new(192, 0, 2, last)))
            .collect();
        answer.encode(size)
    };
    tasks.spawn_infallible(async move {
        let mut buffer = [0; 512];
        loop {
            let (length, client) = sockets.udp.recv_from(&mut buffer).await.unwrap();
            let answer = many(&buffer[..length], 512);
            sockets.udp.send_to(&answer, client).await.unwrap();
        }
    });
    let listener = sockets.tcp;
    tasks.spawn_infallible(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut buffer).await.unwrap();
            let answer = many(&buffer, 65_535);
            stream
                .write_u16(u16::try_from(answer.len()).unwrap())
                .await
                .unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    number
}

fn query(edns: Option<Edns>) -> Vec<u8> {
    let question = Question {
        name: "WWW.example.com.".parse().unwrap(),
        kind: kind::A,
        class: INTERNET,
    };
    Message::query(77, question, edns).encode(512)
}

async fn ask_udp(port: u16, bytes: &[u8]) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(bytes, ("127.0.0.1", port)).await.unwrap();
    let mut buffer = vec![0; 65_535];
    let (length, _) = socket.recv_from(&mut buffer).await.unwrap();
    Message::decode(&buffer[..length]).unwrap()
}

async fn ask_tcp(port: u16, bytes: &[u8]) -> Message {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream
        .write_u16(u16::try_from(bytes.len()).unwrap())
        .await
        .unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut buffer = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut buffer).await.unwrap();
    Message::decode(&buffer).unwrap()
}

#[tokio::test]
async fn questions_are_forwarded_and_answers_cut_to_size() {
    let tasks = Tasks::new();
    let upstream = upstream(&tasks).await;
    let text = format!(". {{\n cache 30\n loadbalance\n forward . 127.0.0.1:{upstream}\n}}");
    let (port, _) = start(&text, &tasks).await;
    let small = ask_udp(port, &query(None)).await;
    assert!(small.is_truncated());
    assert_eq!(small.id, 77);
    assert_eq!(small.question.unwrap().name.to_string(), "WWW.example.com.");
    assert_eq!(small.edns, None);
    let whole = ask_tcp(port, &query(None)).await;
    assert!(!whole.is_truncated());
    assert_eq!(whole.answers.len(), 100);
    let edns = Edns {
        size: 4_096,
        version: 0,
        wants_dnssec: false,
    };
    let large = ask_udp(port, &query(Some(edns))).await;
    assert_eq!(
        large.answers.len(),
        100,
        "out of the cache, which has seen all of it"
    );
    assert_eq!(large.edns, Some(edns));
}

#[tokio::test]
async fn odd_messages_get_the_right_code() {
    let tasks = Tasks::new();
    let (port, _) = start("example.org {\n errors\n}", &tasks).await;
    assert_eq!(ask_udp(port, &query(None)).await.code, rcode::REFUSED);
    let mut short = query(None);
    short.truncate(14);
    assert_eq!(ask_udp(port, &short).await.code, rcode::FORMAT_ERROR);
    let mut notify = query(None);
    notify[2] = 0x20;
    assert_eq!(ask_udp(port, &notify).await.code, rcode::NOT_IMPLEMENTED);
}

#[tokio::test]
async fn a_server_that_nobody_answers_fails_the_question() {
    let tasks = Tasks::new();
    let closed = bind(0).await.unwrap().port().unwrap();
    let text = format!(". {{\n errors\n forward . 127.0.0.1:{closed}\n}}");
    let (port, _) = start(&text, &tasks).await;
    assert_eq!(
        ask_udp(port, &query(None)).await.code,
        rcode::SERVER_FAILURE
    );
}

#[tokio::test]
async fn a_loop_is_found() {
    let tasks = Tasks::new();
    let own = bind(0).await.unwrap();
    let number = own.port().unwrap();
    let text = format!(". {{\n loop\n forward . 127.0.0.1:{number}\n}}");
    let blocks = corefile::parse(&text).unwrap();
    let clock = SystemClock::shared();
    let mut settings = Settings::new(Arc::clone(&clock), None);
    let blocks = settings.build(&blocks, 0).unwrap();
    let question = Question {
        name: settings.probes[0].1.clone(),
        kind: kind::HINFO,
        class: INTERNET,
    };
    let port = Port { number, blocks };
    tasks.spawn_infallible(serve(port, own, clock, Shutdown::new()));
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let bytes = Message::query(1, question, None).encode(512);
    socket.send_to(&bytes, ("127.0.0.1", number)).await.unwrap();
    assert!(settings.fatal.told().await.contains("loop"));
}
