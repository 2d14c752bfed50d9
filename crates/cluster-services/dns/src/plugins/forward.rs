//! `forward FROM TO...`: asks other servers. Each question has a socket of its own.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rand::Rng;
use styr_base::SharedClock;
use styr_component::metrics::Counter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;

use super::{Block, Settings, duration, zones};
use crate::chain::{Failure, Next, Outcome, Plugin, Protocol, Request};
use crate::corefile::{CorefileError, Directive};
use crate::wire::{Edns, Message, Name, Question, rcode};

/// Upstream's numbers: of one try, and of tries.
const TRY: Duration = Duration::from_secs(2);
const TRIES_MAX: usize = 3;
const DEADLINE: Duration = Duration::from_secs(5);
/// A server that failed so often in a row is down: until it answers again, only one question at a
/// time waits for it.
const FAILURES_MAX: u32 = 2;
/// Upstream's limit on addresses.
const SERVERS_MAX: usize = 15;
/// Without `max_concurrent`: a limit there must be.
const CONCURRENT_MAX: usize = 10_000;
/// Larger UDP answers are cut and asked for again over TCP.
const UDP_MAX: usize = 4_096;
const DNS_PORT: u16 = 53;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Random,
    RoundRobin,
    Sequential,
}

struct Server {
    address: SocketAddr,
    /// Since it answered last.
    failures: AtomicU32,
    is_probed: AtomicBool,
}

/// The one question that waits for a server that is down.
struct Probe<'a>(&'a Server);

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        self.0.is_probed.store(false, Ordering::Release);
    }
}

struct Forward {
    clock: SharedClock,
    from: Vec<Name>,
    except: Vec<Name>,
    servers: Vec<Server>,
    policy: Policy,
    turn: AtomicUsize,
    permits: Semaphore,
    always_tcp: bool,
    never_tcp: bool,
    requests: Counter,
    refusals: Counter,
}

pub(super) fn set_up(
    directive: &Directive,
    block: &mut Block,
    settings: &mut Settings,
) -> Result<(), CorefileError> {
    let Some((from, to)) = directive.arguments.split_first() else {
        return Err(directive.error("wants a zone and servers"));
    };
    let mut servers = Vec::new();
    for text in to {
        servers.extend(parse_server(directive, text)?);
    }
    servers.truncate(SERVERS_MAX);
    if servers.is_empty() {
        tracing::warn!(
            line = directive.line,
            "forward has no servers, names outside the cluster fail"
        );
    }
    let registry = &settings.registry;
    let mut forward = Forward {
        clock: Arc::clone(&settings.clock),
        from: zones(directive, std::slice::from_ref(from), block)?,
        except: Vec::new(),
        servers: servers.into_iter().map(Server::new).collect(),
        policy: Policy::Random,
        turn: AtomicUsize::new(0),
        permits: Semaphore::new(CONCURRENT_MAX),
        always_tcp: false,
        never_tcp: false,
        requests: registry.counter(
            "coredns_proxy_request_count_total",
            "Counter of requests made per upstream.",
            &["proxy_name", "to"],
        ),
        refusals: registry.counter(
            "coredns_forward_max_concurrent_rejects_total",
            "Counter of the number of queries rejected because the concurrent queries were at maximum.",
            &[],
        ),
    };
    for property in &directive.block {
        set_property(&mut forward, property, block)?;
    }
    block.plugins.push(Arc::new(forward));
    Ok(())
}

fn set_property(
    forward: &mut Forward,
    property: &Directive,
    block: &Block,
) -> Result<(), CorefileError> {
    match property.name.as_str() {
        "except" => forward.except = zones(property, &property.arguments, block)?,
        "max_concurrent" => {
            property.expect_arguments(1)?;
            let text = &property.arguments[0];
            let count: usize = text
                .parse()
                .map_err(|_| property.error(format_args!("{text:?} is not a number")))?;
            // 0 means no limit of the user's.
            let count = if count == 0 { CONCURRENT_MAX } else { count };
            forward.permits = Semaphore::new(count.min(Semaphore::MAX_PERMITS));
        }
        "force_tcp" => forward.always_tcp = true,
        "prefer_udp" => forward.never_tcp = true,
        "policy" => {
            property.expect_arguments(1)?;
            forward.policy = match property.arguments[0].as_str() {
                "random" => Policy::Random,
                "round_robin" => Policy::RoundRobin,
                "sequential" => Policy::Sequential,
                other => return Err(property.error(format_args!("policy {other:?} is unknown"))),
            };
        }
        // Sockets are not kept and servers not probed: a failed try goes to the next server.
        "expire" | "health_check" | "max_fails" => {
            if property.name == "expire" {
                property.expect_arguments(1)?;
                duration(property, &property.arguments[0])?;
            }
        }
        _ => return Err(property.error("unknown property of forward, or not implemented")),
    }
    Ok(())
}

/// An address, with or without a port, or a file in the form of `resolv.conf`.
fn parse_server(directive: &Directive, text: &str) -> Result<Vec<SocketAddr>, CorefileError> {
    let plain = text.strip_prefix("dns://").unwrap_or(text);
    if let Ok(ip) = plain.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, DNS_PORT)]);
    }
    if let Ok(address) = plain.parse::<SocketAddr>() {
        return Ok(vec![address]);
    }
    if plain.contains("://") || !Path::new(plain).is_absolute() {
        return Err(directive.error(format_args!("server {text:?} is not an address or a file")));
    }
    let content = std::fs::read_to_string(plain)
        .map_err(|error| directive.error(format_args!("could not read {plain}: {error}")))?;
    Ok(content
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let is_server = words.next() == Some("nameserver");
            let ip = words.next()?.split('%').next()?.parse().ok()?;
            is_server.then_some(SocketAddr::new(ip, DNS_PORT))
        })
        .collect())
}

#[async_trait]
impl Plugin for Forward {
    async fn answer(&self, request: &Request, next: Next<'_>) -> Outcome {
        let is_within = |zones: &[Name]| zones.iter().any(|zone| request.name.is_within(zone));
        if !is_within(&self.from) || is_within(&self.except) {
            return next.answer(request).await;
        }
        let Ok(_permit) = self.permits.try_acquire() else {
            self.refusals.increment(&[]);
            return Ok(request.message.reply(rcode::REFUSED));
        };
        let mut last = "no upstream server is configured".to_owned();
        let start = self.clock.monotonic();
        for server in self.order() {
            if self.clock.monotonic().saturating_sub(start) + TRY > DEADLINE {
                break;
            }
            let address = server.address;
            let Some(_probe) = server.admit() else {
                last = format!("server {address} does not answer");
                continue;
            };
            self.requests.increment(&["forward", &address.to_string()]);
            let asked = self.ask(request, address);
            let outcome = tokio::select! {
                outcome = asked => outcome,
                () = self.clock.sleep(TRY) => Err(format!("no answer within {TRY:?}")),
            };
            match outcome {
                Ok(mut answer) => {
                    server.failures.store(0, Ordering::Relaxed);
                    answer.readdress(&request.message);
                    answer.edns = None;
                    return Ok(answer);
                }
                Err(reason) => {
                    server.failures.fetch_add(1, Ordering::Relaxed);
                    last = format!("server {address}: {reason}");
                }
            }
        }
        Err(Failure(last))
    }
}

impl Server {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            failures: AtomicU32::new(0),
            is_probed: AtomicBool::new(false),
        }
    }

    /// Whether a question may wait for this server now.
    fn admit(&self) -> Option<Option<Probe<'_>>> {
        if self.failures.load(Ordering::Relaxed) < FAILURES_MAX {
            return Some(None);
        }
        let is_free = !self.is_probed.swap(true, Ordering::AcqRel);
        is_free.then(|| Some(Probe(self)))
    }
}

impl Forward {
    /// The servers to try, each perhaps more than once.
    fn order(&self) -> Vec<&Server> {
        if self.servers.is_empty() {
            return Vec::new();
        }
        let count = self.servers.len();
        let start = match self.policy {
            Policy::Sequential => 0,
            Policy::RoundRobin => self.turn.fetch_add(1, Ordering::Relaxed) % count,
            Policy::Random => rand::rng().random_range(0..count),
        };
        let turns = self.servers.iter().cycle().skip(start);
        turns.take(TRIES_MAX).collect()
    }

    async fn ask(&self, request: &Request, server: SocketAddr) -> Result<Message, String> {
        let edns = request.message.edns.map(|edns| Edns {
            size: edns.size.min(u16::try_from(UDP_MAX).expect("below 64 KiB")),
            ..edns
        });
        let query = Message::query(rand::rng().random(), request.question.clone(), edns);
        let is_tcp = request.protocol == Protocol::Tcp && !self.never_tcp;
        if !self.always_tcp && !is_tcp {
            let answer = over_udp(&query, server)
                .await
                .map_err(|error| error.to_string())?;
            if !answer.is_truncated() || request.protocol == Protocol::Udp {
                return Ok(answer);
            }
        }
        over_tcp(&query, server)
            .await
            .map_err(|error| error.to_string())
    }
}

fn is_answer(answer: &Message, query: &Message) -> bool {
    let same = |one: &Question, other: &Question| {
        one.name.to_lowercase() == other.name.to_lowercase() && one.kind == other.kind
    };
    let questions = answer.question.as_ref().zip(query.question.as_ref());
    answer.is_response()
        && answer.id == query.id
        && questions.is_some_and(|(one, other)| same(one, other))
}

async fn over_udp(query: &Message, server: SocketAddr) -> std::io::Result<Message> {
    let any = if server.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(&query.encode(UDP_MAX)).await?;
    let mut buffer = vec![0; UDP_MAX];
    loop {
        let length = socket.recv(&mut buffer).await?;
        match Message::decode(&buffer[..length]) {
            Ok(answer) if is_answer(&answer, query) => return Ok(answer),
            // Not for us, or forged; the true answer may still come.
            _ => tracing::debug!(%server, "ignored a message that is not the answer"),
        }
    }
}

async fn over_tcp(query: &Message, server: SocketAddr) -> std::io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let bytes = query.encode(usize::from(u16::MAX));
    let length = u16::try_from(bytes.len()).expect("encoded within that");
    stream
        .write_all(&[&length.to_be_bytes()[..], &bytes].concat())
        .await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await?;
    match Message::decode(&buffer) {
        Ok(answer) if is_answer(&answer, query) => Ok(answer),
        Ok(_) => Err(std::io::Error::other("the answer is to another question")),
        Err(error) => Err(std::io::Error::other(error)),
    }
}
