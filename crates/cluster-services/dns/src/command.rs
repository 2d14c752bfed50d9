//! Starts the server, and starts it again when the Corefile changes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use styr_base::{SharedClock, Shutdown, SystemClock, Tasks};
use styr_client::{Caches, Client};
use styr_component::flags::{Flag, Flags};
use styr_component::health::Checks;
use styr_component::{logs, operations, serve};
use tower::Service;

use crate::corefile::{self, ServerBlock};
use crate::plugins::{self, Readiness, Settings};
use crate::server::{self, Port};
use crate::wire::{INTERNET, Message, Question, kind};

/// The component's name.
pub const NAME: &str = "coredns";

/// Probes and scrapes come one at a time.
const CONNECTIONS_MAX: usize = 16;

const FLAGS: [Flag; 4] = [
    flag("conf", "string", "Corefile", ""),
    flag("dns.port", "int", "53", ""),
    flag("quiet", "bool", "false", "true"),
    flag("v", "Level", "0", ""),
];

const fn flag(
    name: &'static str,
    kind: &'static str,
    default: &'static str,
    no_value: &'static str,
) -> Flag {
    Flag {
        name,
        kind,
        default,
        no_value,
    }
}

/// What the server is told; the rest stands in the Corefile.
#[derive(Debug, Clone)]
pub struct Config {
    pub corefile: PathBuf,
    /// Of zones that name no port.
    pub port: u16,
}

/// What the server works with.
#[derive(Debug, Clone)]
pub struct Deps {
    /// In place of the credentials that the Corefile or the pod has.
    pub client: Option<Client>,
    pub clock: SharedClock,
    pub shutdown: Shutdown,
}

/// Runs the server as its flags say. They have one dash, as CoreDNS' have.
pub async fn command(args: Vec<String>, shutdown: Shutdown) -> anyhow::Result<()> {
    let args = args.into_iter().map(|arg| {
        let is_single = arg.starts_with('-') && !arg.starts_with("--") && arg.len() > 2;
        if is_single { format!("-{arg}") } else { arg }
    });
    let flags = Flags::parse_own(&FLAGS, args)?;
    logs::init(flags.int("v"));
    let port = flags.int("dns.port");
    let config = Config {
        corefile: flags.string("conf").into(),
        port: u16::try_from(port).with_context(|| format!("-dns.port {port} is not a port"))?,
    };
    let deps = Deps {
        client: None,
        clock: SystemClock::shared(),
        shutdown,
    };
    run(config, deps).await
}

/// Serves until the shutdown.
pub async fn run(config: Config, deps: Deps) -> anyhow::Result<()> {
    let mut text = read(&config)?;
    let mut blocks = parse(&config, &text)?;
    let caches = caches(&blocks, &deps).await?;
    let mut instance = Instance::new(&config, &deps, caches.clone(), &blocks)?;
    loop {
        match instance.serve(&config, &deps, &text).await? {
            Ended::Shutdown => return Ok(()),
            Ended::Changed(changed) => text = changed,
        }
        // The Corefile was found good before the old instance ended.
        blocks = parse(&config, &text)?;
        instance = Instance::new(&config, &deps, caches.clone(), &blocks)?;
        tracing::info!("the Corefile has changed, serving by the new one");
    }
}

fn read(config: &Config) -> anyhow::Result<String> {
    let path = &config.corefile;
    std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))
}

fn parse(config: &Config, text: &str) -> anyhow::Result<Vec<ServerBlock>> {
    let path = config.corefile.display();
    corefile::parse(text).with_context(|| format!("could not read {path}"))
}

/// A connection to the API server, if a block wants one.
async fn caches(blocks: &[ServerBlock], deps: &Deps) -> anyhow::Result<Option<Caches>> {
    let directives = blocks.iter().flat_map(|block| &block.directives);
    let Some(directive) = directives.into_iter().find(|one| one.name == "kubernetes") else {
        return Ok(None);
    };
    let client = match (&deps.client, plugins::kubeconfig(directive)) {
        (Some(client), _) => client.clone(),
        (None, Some(path)) => Client::from_kubeconfig(path).await?,
        (None, None) => Client::in_cluster()?,
    };
    let clock = Arc::clone(&deps.clock);
    Ok(Some(Caches::new(client, clock, deps.shutdown.clone())))
}

/// One reading of the Corefile, ready to be served.
struct Instance {
    settings: Settings,
    ports: Vec<Port>,
}

enum Ended {
    Shutdown,
    /// The Corefile reads like this now, and is good.
    Changed(String),
}

impl Instance {
    fn new(
        config: &Config,
        deps: &Deps,
        caches: Option<Caches>,
        blocks: &[ServerBlock],
    ) -> anyhow::Result<Self> {
        let mut settings = Settings::new(Arc::clone(&deps.clock), caches);
        let mut ports: Vec<Port> = Vec::new();
        for block in settings.build(blocks, config.port)? {
            match ports.iter_mut().find(|port| port.number == block.port) {
                Some(port) => port.blocks.push(block),
                None => ports.push(Port {
                    number: block.port,
                    blocks: vec![block],
                }),
            }
        }
        Ok(Self { settings, ports })
    }

    async fn serve(self, config: &Config, deps: &Deps, text: &str) -> anyhow::Result<Ended> {
        let Self {
            mut settings,
            ports,
        } = self;
        let stop = Shutdown::new();
        let tasks = Tasks::new();
        for port in ports {
            let number = port.number;
            let sockets = server::bind(number).await?;
            let bound = sockets.port()?;
            let clock = Arc::clone(&deps.clock);
            tasks.spawn_infallible(server::serve(port, sockets, clock, stop.child()));
            for (_, probe) in settings.probes.iter().filter(|(port, _)| *port == number) {
                ask_ourselves(bound, probe.clone()).await?;
            }
        }
        serve_side(&tasks, &mut settings, &stop).await?;
        let caches = settings.caches.clone();
        let changed = watch(config, deps, (caches, &settings), text);
        let ended = tokio::select! {
            () = deps.shutdown.requested() => {
                // Clients go on asking until they have heard that we leave.
                deps.clock.sleep(settings.lameduck).await;
                Ok(Ended::Shutdown)
            }
            reason = settings.fatal.told() => Err(anyhow::anyhow!(reason)),
            changed = changed => Ok(Ended::Changed(changed)),
        };
        stop.request();
        if let Err(error) = tasks.join().await {
            tracing::warn!(%error, "a server did not end well");
        }
        ended
    }
}

/// Waits until the Corefile is another one, and a good one.
async fn watch(
    config: &Config,
    deps: &Deps,
    (caches, settings): (Option<Caches>, &Settings),
    text: &str,
) -> String {
    let Some(interval) = settings.reload else {
        return std::future::pending().await;
    };
    let mut refused = None;
    loop {
        deps.clock.sleep(interval).await;
        let changed = match read(config) {
            Ok(changed) if changed != text && refused.as_ref() != Some(&changed) => changed,
            _ => continue,
        };
        let built = parse(config, &changed)
            .and_then(|blocks| Instance::new(config, deps, caches.clone(), &blocks));
        match built {
            Ok(_) => return changed,
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(
                    error,
                    "the changed Corefile is wrong, serving by the old one"
                );
                refused = Some(changed);
            }
        }
    }
}

/// Sends the question of `loop`; nobody waits for the answer.
async fn ask_ourselves(port: u16, name: crate::wire::Name) -> std::io::Result<()> {
    let question = Question {
        name,
        kind: kind::HINFO,
        class: INTERNET,
    };
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await?;
    let bytes = Message::query(rand::random(), question, None).encode(512);
    socket.send_to(&bytes, ("127.0.0.1", port)).await?;
    Ok(())
}

type Answer = Response<Full<Bytes>>;

async fn serve_side(tasks: &Tasks, settings: &mut Settings, stop: &Shutdown) -> anyhow::Result<()> {
    let registry = settings.registry.clone();
    if let Some(address) = settings.health {
        let service = pages(|path| (path == "/health").then(|| (StatusCode::OK, "OK".to_owned())));
        let listener = listen(address).await?;
        tasks.spawn_infallible(serve::serve(listener, service, stop.child()));
    }
    if let Some(address) = settings.ready {
        let readiness = Arc::new(std::mem::take(&mut settings.readiness));
        let service = pages(move |path| (path == "/ready").then(|| ready(&readiness)));
        let listener = listen(address).await?;
        tasks.spawn_infallible(serve::serve(listener, service, stop.child()));
    }
    if let Some(address) = settings.metrics {
        let service = operations::service(Checks::new(), registry);
        let listener = listen(address).await?;
        tasks.spawn_infallible(serve::serve(listener, service, stop.child()));
    }
    Ok(())
}

fn ready(readiness: &[Readiness]) -> (StatusCode, String) {
    let missing: Vec<&str> = readiness
        .iter()
        .filter(|one| !(one.is_ready)())
        .map(|one| one.name)
        .collect();
    if missing.is_empty() {
        (StatusCode::OK, "OK".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, missing.join(","))
    }
}

async fn listen(address: SocketAddr) -> std::io::Result<serve::Listener> {
    Ok(serve::Listener {
        socket: serve::bind(address).await?,
        tls: None,
        connections_max: CONNECTIONS_MAX,
    })
}

fn pages(
    page: impl Fn(&str) -> Option<(StatusCode, String)> + Clone + Send + 'static,
) -> impl Service<Request<Incoming>, Response = Answer, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    serve::handler(move |request: Request<Incoming>| {
        let missing = || (StatusCode::NOT_FOUND, "404 page not found\n".to_owned());
        let (code, text) = page(request.uri().path()).unwrap_or_else(missing);
        let mut answer = Response::new(Full::new(Bytes::from(text)));
        *answer.status_mut() = code;
        std::future::ready(answer)
    })
}

#[cfg(test)]
mod tests;
