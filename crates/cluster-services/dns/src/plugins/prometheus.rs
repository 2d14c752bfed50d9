//! `prometheus [ADDRESS]`: counts questions and answers, under CoreDNS' names.

use std::sync::Arc;

use async_trait::async_trait;
use styr_base::SharedClock;
use styr_component::metrics::{Counter, Histogram};

use super::{Block, Settings, address};
use crate::chain::{Next, Outcome, Plugin, Protocol, Request};
use crate::corefile::{CorefileError, Directive};
use crate::wire::{kind, rcode};

const ADDRESS: &str = "localhost:9153";
/// From a quarter of a millisecond, doubling, as upstream's.
const BUCKETS: &[f64] = &[
    0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024,
    2.048, 4.096, 8.192,
];

struct Measure {
    clock: SharedClock,
    server: String,
    zone: String,
    requests: Counter,
    responses: Counter,
    duration: Histogram,
}

pub(super) fn set_up(
    directive: &Directive,
    block: &mut Block,
    settings: &mut Settings,
) -> Result<(), CorefileError> {
    directive.expect_no_block()?;
    let text = directive.arguments.first().map_or(ADDRESS, String::as_str);
    settings.metrics = Some(address(directive, text)?);
    let registry = &settings.registry;
    block.plugins.push(Arc::new(Measure {
        clock: Arc::clone(&settings.clock),
        server: format!("dns://:{}", block.port),
        zone: block
            .zones
            .first()
            .map_or_else(|| ".".to_owned(), ToString::to_string),
        requests: registry.counter(
            "coredns_dns_requests_total",
            "Counter of DNS requests made per zone, protocol and family.",
            &["server", "zone", "view", "proto", "family", "type"],
        ),
        responses: registry.counter(
            "coredns_dns_responses_total",
            "Counter of response status codes.",
            &["server", "zone", "view", "rcode", "plugin"],
        ),
        duration: registry.histogram(
            "coredns_dns_request_duration_seconds",
            "Histogram of the time (in seconds) each request took per zone.",
            &["server", "zone", "view"],
            BUCKETS,
        ),
    }));
    Ok(())
}

#[async_trait]
impl Plugin for Measure {
    async fn answer(&self, request: &Request, next: Next<'_>) -> Outcome {
        let start = self.clock.monotonic();
        let outcome = next.answer(request).await;
        let took = self.clock.monotonic().saturating_sub(start);
        let (server, zone) = (self.server.as_str(), self.zone.as_str());
        let protocol = match request.protocol {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        };
        let family = if request.client.is_ipv4() { "1" } else { "2" };
        let kind = kind::name(request.question.kind);
        self.requests
            .increment(&[server, zone, "", protocol, family, kind]);
        let code = outcome
            .as_ref()
            .map_or("SERVFAIL", |answer| rcode::name(answer.code));
        self.responses.increment(&[server, zone, "", code, ""]);
        self.duration
            .observe(&[server, zone, ""], took.as_secs_f64());
        outcome
    }
}
