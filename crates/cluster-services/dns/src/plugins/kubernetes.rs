//! `kubernetes [ZONES...]`: services and pods by name, per the DNS specification of Kubernetes.
//!
//! See <https://github.com/kubernetes/dns/blob/master/docs/specification.md>. [`lookup`] decides
//! what a name stands for, this file puts it into an answer of the type asked for.

mod lookup;
mod options;
mod reverse;
mod view;

use std::collections::BTreeSet;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;

use async_trait::async_trait;

use super::{Block, Readiness, Settings};
use crate::chain::{Failure, Next, Outcome, Plugin, Request};
use crate::corefile::{CorefileError, Directive};
use crate::wire::{Message, Name, Record, kind, rcode};

use lookup::{Found, Target};
use options::Options;
use view::{Cached, View};

/// Aliases that lead to aliases; upstream stops there as well.
const ALIASES_MAX: usize = 7;
/// Numbers of the SOA record: refresh, retry, expire.
const SOA_TIMES: [u32; 3] = [7_200, 1_800, 86_400];

struct Kubernetes {
    options: Options,
    view: Box<dyn View>,
    serial: u32,
}

pub(super) fn set_up(
    directive: &Directive,
    block: &mut Block,
    settings: &mut Settings,
) -> Result<(), CorefileError> {
    let options = Options::read(directive, block, own_address())?;
    let Some(caches) = &settings.caches else {
        return Err(directive.error("there is no connection to an API server"));
    };
    let view = Cached::new(caches);
    let probe = view.clone();
    settings.readiness.push(Readiness {
        name: "kubernetes",
        is_ready: Box::new(move || probe.is_ready()),
    });
    let serial = settings.clock.now().as_second();
    block.plugins.push(Arc::new(Kubernetes {
        options,
        view: Box::new(view),
        serial: u32::try_from(serial).unwrap_or(u32::MAX),
    }));
    Ok(())
}

/// The path of a kubeconfig that the directive names, if any.
pub(crate) fn kubeconfig(directive: &Directive) -> Option<&str> {
    let property = directive
        .block
        .iter()
        .find(|one| one.name == "kubeconfig")?;
    property.arguments.first().map(String::as_str)
}

/// The address that the cluster knows us by: the one that packets to the API server carry.
fn own_address() -> Option<IpAddr> {
    let server: IpAddr = std::env::var("KUBERNETES_SERVICE_HOST")
        .ok()?
        .parse()
        .ok()?;
    let any = if server.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any).ok()?;
    // Nothing is sent: connecting only chooses the route.
    socket.connect((server, 443)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[async_trait]
impl Plugin for Kubernetes {
    async fn answer(&self, request: &Request, next: Next<'_>) -> Outcome {
        let Some(zone) = self.zone_of(request) else {
            return next.answer(request).await;
        };
        if !self.view.is_ready() {
            return Err(Failure("services are not known yet".to_owned()));
        }
        if matches!(request.question.kind, kind::AXFR | kind::IXFR) {
            return Ok(request.message.reply(rcode::REFUSED));
        }
        let mut answer = request.message.reply(rcode::NO_ERROR);
        answer.set_authoritative();
        let is_soa = request.question.kind == kind::SOA;
        let is_found = self.fill(&mut answer, request, &zone, next).await?;
        // Upstream says of every name in the zone that its SOA is that of the zone.
        if !is_found && !is_soa {
            if self.options.falls_through(&request.name) {
                return next.answer(request).await;
            }
            answer.code = rcode::NAME_ERROR;
        }
        if answer.answers.is_empty() {
            answer.authorities.push(self.soa(&zone));
        }
        Ok(answer)
    }
}

impl Kubernetes {
    /// The zone of ours that the question is about, in the client's spelling.
    fn zone_of(&self, request: &Request) -> Option<Name> {
        let zones = self.options.zones.iter();
        let own = zones.filter(|zone| request.name.is_within(zone));
        let depth = own.map(Name::depth).max()?;
        let asked = &request.question.name;
        Name::from_labels(asked.labels().skip(asked.depth() - depth))
    }

    /// Puts records into the answer; whether the name exists.
    async fn fill(
        &self,
        answer: &mut Message,
        request: &Request,
        zone: &Name,
        next: Next<'_>,
    ) -> Result<bool, Failure> {
        let lowercase = zone.to_lowercase();
        let labels = request
            .name
            .below(&lowercase)
            .expect("the zone was chosen so");
        let ttl = self.options.ttl;
        if reverse::is_zone(&lowercase) && !labels.is_empty() {
            return Ok(self.fill_reverse(answer, request));
        }
        let owner = request.question.name.clone();
        match labels[..] {
            [] => self.fill_apex(answer, request, zone),
            ["dns-version"] if request.question.kind == kind::TXT => {
                answer.answers.push(Record::txt(owner, ttl, "1.1.0"));
            }
            ["ns", "dns"] => {
                let addresses = self.own_addresses();
                push_addresses(
                    &mut answer.answers,
                    &owner,
                    request.question.kind,
                    ttl,
                    &addresses,
                );
            }
            _ => match lookup::find(&*self.view, &self.options, &labels, zone) {
                Found::Nothing => return Ok(false),
                Found::Name => {}
                Found::Pod(ip) => {
                    push_addresses(
                        &mut answer.answers,
                        &owner,
                        request.question.kind,
                        ttl,
                        &[ip],
                    );
                }
                Found::Targets(targets) => self.fill_targets(answer, request, &targets),
                Found::Alias(target) => self.follow(answer, request, target, next).await,
            },
        }
        Ok(true)
    }

    fn fill_apex(&self, answer: &mut Message, request: &Request, zone: &Name) {
        let ttl = self.options.ttl;
        match request.question.kind {
            kind::SOA => answer.answers.push(self.soa(zone)),
            kind::NS => {
                let own = self
                    .options
                    .own
                    .and_then(|ip| reverse::service_of(&*self.view, ip));
                let labels = own.map_or_else(
                    || vec!["ns".to_owned(), "dns".to_owned()],
                    |(namespace, name)| vec![name, namespace, "svc".to_owned()],
                );
                let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
                let Some(server) = zone.child(&labels) else {
                    return;
                };
                for ip in self.own_addresses() {
                    answer.additional.push(address(server.clone(), ttl, ip));
                }
                let record = Record::pointer(zone.clone(), kind::NS, ttl, server);
                answer.answers.push(record);
            }
            _ => {}
        }
    }

    /// The addresses of the service that we are part of; our own, if there is none.
    fn own_addresses(&self) -> Vec<IpAddr> {
        let Some(own) = self.options.own else {
            return Vec::new();
        };
        let service = reverse::service_of(&*self.view, own)
            .and_then(|(namespace, name)| self.view.service(&namespace, &name));
        let addresses = service.map(|service| lookup::cluster_ips(&service));
        addresses
            .filter(|list| !list.is_empty())
            .unwrap_or_else(|| vec![own])
    }

    fn fill_reverse(&self, answer: &mut Message, request: &Request) -> bool {
        let Some(ip) = reverse::address(&request.name) else {
            return false;
        };
        // Other records of an address are somebody else's.
        if request.question.kind != kind::PTR {
            return false;
        }
        let names = reverse::names(&*self.view, &self.options, ip);
        let owner = &request.question.name;
        let ttl = self.options.ttl;
        let is_found = !names.is_empty();
        let records = names.into_iter();
        answer
            .answers
            .extend(records.map(|name| Record::pointer(owner.clone(), kind::PTR, ttl, name)));
        is_found
    }

    fn fill_targets(&self, answer: &mut Message, request: &Request, targets: &[Target]) {
        let owner = &request.question.name;
        let ttl = self.options.ttl;
        if request.question.kind != kind::SRV {
            let ips: BTreeSet<IpAddr> = targets.iter().map(|target| target.ip).collect();
            let ips: Vec<IpAddr> = ips.into_iter().collect();
            push_addresses(&mut answer.answers, owner, request.question.kind, ttl, &ips);
            return;
        }
        let targets: Vec<&Target> = targets.iter().filter(|target| target.port != 0).collect();
        let pairs: BTreeSet<(&Name, u16)> = targets
            .iter()
            .map(|target| (&target.name, target.port))
            .collect();
        // Upstream counts a port once for each protocol.
        let count = u16::try_from(targets.len()).unwrap_or(u16::MAX);
        let weight = 100_u16.checked_div(count).unwrap_or(0);
        for (name, port) in pairs {
            let record = Record::srv(owner.clone(), ttl, (weight, port), name.clone());
            answer.answers.push(record);
        }
        let addresses: BTreeSet<(&Name, IpAddr)> = targets
            .iter()
            .map(|target| (&target.name, target.ip))
            .collect();
        for (name, ip) in addresses {
            answer.additional.push(address(name.clone(), ttl, ip));
        }
    }

    /// A service that stands for a name elsewhere: the alias, and what it leads to.
    async fn follow(&self, answer: &mut Message, request: &Request, target: Name, next: Next<'_>) {
        let owner = request.question.name.clone();
        let ttl = self.options.ttl;
        let alias = Record::pointer(owner, kind::CNAME, ttl, target.clone());
        match request.question.kind {
            kind::A | kind::AAAA => {}
            kind::CNAME => return answer.answers.push(alias),
            _ => return,
        }
        let request = request.about(target);
        let is_own = self.zone_of(&request).is_some();
        let outcome = self.resolve(request, next, ALIASES_MAX).await;
        // An alias to nothing of ours is left out, as upstream does.
        if !outcome.is_empty() || !is_own {
            answer.answers.push(alias);
            answer.answers.extend(outcome);
        }
    }

    /// Resolves the target of an alias, here or further down the chain.
    async fn resolve(&self, mut request: Request, next: Next<'_>, max: usize) -> Vec<Record> {
        let mut records = Vec::new();
        for _ in 0..max {
            let zone = self
                .options
                .zones
                .iter()
                .find(|zone| request.name.is_within(zone));
            let Some(zone) = zone else {
                match next.answer(&request).await {
                    Ok(answer) => records.extend(answer.answers),
                    Err(failure) => tracing::debug!(%failure, "an alias leads nowhere"),
                }
                return records;
            };
            let labels = request.name.below(zone).expect("the zone was chosen so");
            match lookup::find(&*self.view, &self.options, &labels, zone) {
                Found::Targets(targets) => {
                    let mut answer = request.message.reply(rcode::NO_ERROR);
                    self.fill_targets(&mut answer, &request, &targets);
                    records.extend(answer.answers);
                    return records;
                }
                Found::Alias(target) => {
                    let owner = request.question.name.clone();
                    let ttl = self.options.ttl;
                    records.push(Record::pointer(owner, kind::CNAME, ttl, target.clone()));
                    request = request.about(target);
                }
                _ => return records,
            }
        }
        records
    }

    fn soa(&self, zone: &Name) -> Record {
        let below = |labels: &[&str]| zone.child(labels).unwrap_or_else(|| zone.clone());
        let ttl = self.options.ttl;
        let [refresh, retry, expire] = SOA_TIMES;
        Record::soa(
            zone.clone(),
            ttl,
            (below(&["ns", "dns"]), below(&["hostmaster"])),
            [self.serial, refresh, retry, expire, ttl],
        )
    }
}

fn address(name: Name, ttl: u32, ip: IpAddr) -> Record {
    match ip {
        IpAddr::V4(ip) => Record::a(name, ttl, ip),
        IpAddr::V6(ip) => Record::aaaa(name, ttl, ip),
    }
}

/// Adds the addresses of the family that is asked for.
fn push_addresses(to: &mut Vec<Record>, owner: &Name, asked: u16, ttl: u32, ips: &[IpAddr]) {
    let wanted = ips.iter().filter(|ip| match asked {
        kind::A => ip.is_ipv4(),
        kind::AAAA => ip.is_ipv6(),
        _ => false,
    });
    to.extend(wanted.map(|ip| address(owner.clone(), ttl, *ip)));
}

#[cfg(test)]
mod tests;
