//! The plugins, in the order in which a question passes them. The order in the Corefile is free.
//!
//! One file each; a name that is not in the table is an error.

mod cache;
mod errors;
mod forward;
mod health;
mod kubernetes;
mod loadbalance;
mod log;
mod prometheus;
mod ready;
mod reload;
mod repetition;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use styr_base::SharedClock;
use styr_client::Caches;
use styr_component::metrics::Registry;
use tokio::sync::Notify;

use crate::chain::Plugin;
use crate::corefile::{CorefileError, Directive, ServerBlock};
use crate::wire::Name;

pub(crate) use kubernetes::kubeconfig;

/// Where a plugin finds what it is to take in.
type SetUp = fn(&Directive, &mut Block, &mut Settings) -> Result<(), CorefileError>;

/// All plugins.
const PLUGINS: [(&str, SetUp); 11] = [
    ("reload", reload::set_up),
    ("ready", ready::set_up),
    ("health", health::set_up),
    ("prometheus", prometheus::set_up),
    ("errors", errors::set_up),
    ("log", log::set_up),
    ("loadbalance", loadbalance::set_up),
    ("cache", cache::set_up),
    ("kubernetes", kubernetes::set_up),
    ("loop", repetition::set_up),
    ("forward", forward::set_up),
];

/// Zones with the chain that answers for them.
pub(crate) struct Block {
    /// In lower case.
    pub(crate) zones: Vec<Name>,
    pub(crate) port: u16,
    pub(crate) plugins: Vec<Arc<dyn Plugin>>,
}

/// What the plugins of all blocks want of the process, and what they work with.
pub(crate) struct Settings {
    pub(crate) clock: SharedClock,
    pub(crate) registry: Registry,
    /// Connected already, if a block has the plugin `kubernetes`.
    pub(crate) caches: Option<Caches>,
    pub(crate) health: Option<SocketAddr>,
    /// How long to answer on after the end was asked for.
    pub(crate) lameduck: Duration,
    pub(crate) ready: Option<SocketAddr>,
    pub(crate) metrics: Option<SocketAddr>,
    /// How often to look whether the Corefile has changed.
    pub(crate) reload: Option<Duration>,
    pub(crate) readiness: Vec<Readiness>,
    /// Questions to send to ourselves once, to see whether they come back.
    pub(crate) probes: Vec<(u16, Name)>,
    pub(crate) fatal: Arc<Fatal>,
}

/// Something that must have happened before the server is ready.
pub(crate) struct Readiness {
    pub(crate) name: &'static str,
    pub(crate) is_ready: Box<dyn Fn() -> bool + Send + Sync>,
}

/// A plugin found that serving on would do harm.
#[derive(Debug, Default)]
pub(crate) struct Fatal {
    reason: std::sync::Mutex<Option<String>>,
    told: Notify,
}

impl Fatal {
    pub(crate) fn tell(&self, reason: String) {
        *self.reason.lock().expect("no holder of this lock panics") = Some(reason);
        self.told.notify_one();
    }

    /// Waits until something is wrong.
    pub(crate) async fn told(&self) -> String {
        loop {
            self.told.notified().await;
            let reason = self.reason.lock().expect("no holder of this lock panics");
            if let Some(reason) = &*reason {
                return reason.clone();
            }
        }
    }
}

impl Settings {
    pub(crate) fn new(clock: SharedClock, caches: Option<Caches>) -> Self {
        Self {
            clock,
            registry: Registry::new(),
            caches,
            health: None,
            lameduck: Duration::ZERO,
            ready: None,
            metrics: None,
            reload: None,
            readiness: Vec::new(),
            probes: Vec::new(),
            fatal: Arc::default(),
        }
    }

    /// Sets up all blocks of a Corefile.
    pub(crate) fn build(
        &mut self,
        blocks: &[ServerBlock],
        default_port: u16,
    ) -> Result<Vec<Block>, CorefileError> {
        let mut built = Vec::new();
        for block in blocks {
            for directive in &block.directives {
                let is_known = PLUGINS.iter().any(|(name, _)| *name == directive.name);
                if !is_known {
                    let what = format!("unknown directive {:?}", directive.name);
                    return Err(CorefileError::new(directive.line, what));
                }
            }
            for (port, zones) in ports(block, default_port)? {
                let mut new = Block {
                    zones,
                    port,
                    plugins: Vec::new(),
                };
                for (name, set_up) in PLUGINS {
                    let own = block.directives.iter().filter(|one| one.name == name);
                    for directive in own {
                        set_up(directive, &mut new, self)?;
                    }
                }
                built.push(new);
            }
        }
        Ok(built)
    }
}

/// A block's zones, by the port they are served at.
fn ports(block: &ServerBlock, default: u16) -> Result<Vec<(u16, Vec<Name>)>, CorefileError> {
    let mut ports: Vec<(u16, Vec<Name>)> = Vec::new();
    for key in &block.keys {
        let refused = |what: &str| CorefileError::new(block.line, format!("zone {key:?} {what}"));
        let text = key.strip_prefix("dns://").unwrap_or(key);
        if text.contains("://") {
            return Err(refused("wants a transport that is not implemented"));
        }
        let (zone, port) = match text.rsplit_once(':') {
            Some((zone, port)) => (zone, port.parse().map_err(|_| refused("has no such port"))?),
            None => (text, default),
        };
        let zone: Name = zone.parse().map_err(|_| refused("is not a name"))?;
        let zone = zone.to_lowercase();
        match ports.iter_mut().find(|(known, _)| *known == port) {
            Some((_, zones)) => zones.push(zone),
            None => ports.push((port, vec![zone])),
        }
    }
    Ok(ports)
}

/// Reads an address such as `:8080`, `localhost:9153` or `127.0.0.1:53`.
fn address(directive: &Directive, text: &str) -> Result<SocketAddr, CorefileError> {
    let text = text.replace("localhost", "127.0.0.1");
    let full = match text.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => text,
    };
    full.parse()
        .map_err(|_| directive.error(format_args!("{full:?} is not an address with a port")))
}

/// Reads a duration in Go's form.
fn duration(directive: &Directive, text: &str) -> Result<Duration, CorefileError> {
    styr_component::flags::parse_duration(text)
        .ok_or_else(|| directive.error(format_args!("{text:?} is not a duration")))
}

/// Reads names of zones; none means those of the block.
fn zones(
    directive: &Directive,
    texts: &[String],
    block: &Block,
) -> Result<Vec<Name>, CorefileError> {
    if texts.is_empty() {
        return Ok(block.zones.clone());
    }
    let parse = |text: &String| {
        let name: Result<Name, _> = text.parse();
        name.map(|name| name.to_lowercase())
            .map_err(|error| directive.error(error))
    };
    texts.iter().map(parse).collect()
}

#[cfg(test)]
mod tests;
