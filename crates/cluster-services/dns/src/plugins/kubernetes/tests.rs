use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};

use super::*;
use crate::chain::Protocol;
use crate::corefile;
use crate::wire::{INTERNET, Question};

#[derive(Default)]
struct Fixture {
    services: BTreeMap<(String, String), Arc<Service>>,
    slices: Vec<Arc<EndpointSlice>>,
}

impl View for Fixture {
    fn is_ready(&self) -> bool {
        true
    }

    fn has_namespace(&self, name: &str) -> bool {
        name == "default" || name == "empty"
    }

    fn service(&self, namespace: &str, name: &str) -> Option<Arc<Service>> {
        self.services
            .get(&(namespace.to_owned(), name.to_owned()))
            .cloned()
    }

    fn slices(&self, namespace: &str, service: &str) -> Vec<Arc<EndpointSlice>> {
        let own =
            |slice: &&Arc<EndpointSlice>| view::service_of(slice) == Some((namespace, service));
        self.slices.iter().filter(own).cloned().collect()
    }

    fn services_at(&self, ip: IpAddr) -> Vec<Arc<Service>> {
        let at = |service: &&Arc<Service>| lookup::cluster_ips(service).contains(&ip);
        self.services.values().filter(at).cloned().collect()
    }

    fn slices_at(&self, ip: IpAddr) -> Vec<Arc<EndpointSlice>> {
        let text = ip.to_string();
        let at = |slice: &&Arc<EndpointSlice>| {
            slice
                .endpoints
                .iter()
                .flatten()
                .any(|one| one.addresses.contains(&text))
        };
        self.slices.iter().filter(at).cloned().collect()
    }
}

impl Fixture {
    fn service(mut self, name: &str, spec: &Value) -> Self {
        let service = json!({ "metadata": { "name": name, "namespace": "default" }, "spec": spec });
        let key = ("default".to_owned(), name.to_owned());
        let service = serde_json::from_value(service).unwrap();
        self.services.insert(key, Arc::new(service));
        self
    }

    fn slice(mut self, service: &str, endpoints: &Value, ports: &Value) -> Self {
        let slice = json!({
            "metadata": { "namespace": "default", "labels": { "kubernetes.io/service-name": service } },
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": ports,
        });
        self.slices
            .push(Arc::new(serde_json::from_value(slice).unwrap()));
        self
    }
}

/// Stands for the rest of the world.
struct Outside;

#[async_trait]
impl Plugin for Outside {
    async fn answer(&self, request: &Request, _: Next<'_>) -> Outcome {
        let mut answer = request.message.reply(rcode::NO_ERROR);
        let owner = request.question.name.clone();
        answer.answers = vec![Record::a(owner, 60, Ipv4Addr::new(192, 0, 2, 80))];
        Ok(answer)
    }
}

fn cluster() -> Fixture {
    let ports = json!([
        { "name": "http", "port": 80, "protocol": "TCP" },
        { "name": "dns", "port": 53, "protocol": "UDP" },
    ]);
    let endpoints = json!([
        { "addresses": ["10.244.1.2"], "conditions": { "ready": true }, "hostname": "db-0" },
        { "addresses": ["10.244.2.2"], "conditions": { "ready": true } },
        { "addresses": ["10.244.2.3"], "conditions": { "ready": false } },
    ]);
    let target_ports = json!([{ "name": "http", "port": 8080, "protocol": "TCP" }]);
    Fixture::default()
        .service(
            "web",
            &json!({ "clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10"], "ports": ports }),
        )
        .slice("web", &endpoints, &target_ports)
        .service(
            "db",
            &json!({ "clusterIP": "None", "clusterIPs": ["None"] }),
        )
        .slice("db", &endpoints, &target_ports)
        .service("gone", &json!({ "clusterIP": "None" }))
        .service(
            "far",
            &json!({ "type": "ExternalName", "externalName": "www.example.com" }),
        )
        .service(
            "near",
            &json!({ "type": "ExternalName", "externalName": "web.default.svc.cluster.local" }),
        )
}

async fn ask(name: &str, kind: u16) -> Message {
    let text = ". {\n kubernetes cluster.local in-addr.arpa ip6.arpa {\n pods insecure\n \
                fallthrough in-addr.arpa ip6.arpa\n ttl 30\n }\n}";
    let blocks = corefile::parse(text).unwrap();
    let block = Block {
        zones: vec![Name::root()],
        port: 53,
        plugins: Vec::new(),
    };
    let own = Some(Ipv4Addr::new(10, 244, 1, 2).into());
    let plugin = Kubernetes {
        options: Options::read(&blocks[0].directives[0], &block, own).unwrap(),
        view: Box::new(cluster()),
        serial: 7,
    };
    let question = Question {
        name: name.parse().unwrap(),
        kind,
        class: INTERNET,
    };
    let query = Message::query(1, question, None);
    let request = Request::new(query, Ipv4Addr::LOCALHOST.into(), Protocol::Udp).unwrap();
    let rest: [Arc<dyn Plugin>; 1] = [Arc::new(Outside)];
    plugin.answer(&request, Next(&rest)).await.unwrap()
}

fn text(record: &Record) -> String {
    let kind = crate::wire::kind::name(record.kind);
    let data = match &record.data {
        crate::wire::Data::Bytes(bytes) if record.kind == kind::A => {
            let octets: [u8; 4] = bytes[..].try_into().unwrap();
            Ipv4Addr::from(octets).to_string()
        }
        crate::wire::Data::Bytes(bytes) => String::from_utf8_lossy(&bytes[1..]).into_owned(),
        crate::wire::Data::Name(name) => name.to_string(),
        crate::wire::Data::Prefixed(numbers, name) => {
            let pairs = numbers
                .chunks(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            let numbers: Vec<String> = pairs.map(|number| number.to_string()).collect();
            format!("{} {name}", numbers.join(" "))
        }
        crate::wire::Data::Authority(server, ..) => server.to_string(),
    };
    format!("{} {} {kind} {data}", record.name, record.ttl)
}

async fn check(name: &str, kind: u16, expected: &[&str]) {
    let answer = ask(name, kind).await;
    let found: Vec<String> = answer.answers.iter().map(text).collect();
    assert_eq!(answer.code, rcode::NO_ERROR, "{name}");
    assert_eq!(found, expected, "{name}");
    let authorities = usize::from(expected.is_empty());
    assert_eq!(
        answer.authorities.len(),
        authorities,
        "{name}: SOA of an empty answer"
    );
}

async fn check_missing(name: &str) {
    let answer = ask(name, kind::A).await;
    assert_eq!(answer.code, rcode::NAME_ERROR, "{name}");
    assert_eq!(
        text(&answer.authorities[0]),
        "cluster.local. 30 SOA ns.dns.cluster.local."
    );
}

#[tokio::test]
async fn services_have_addresses() {
    let name = "Web.default.svc.cluster.local.";
    check(
        name,
        kind::A,
        &["Web.default.svc.cluster.local. 30 A 10.96.0.10"],
    )
    .await;
    check(name, kind::AAAA, &[]).await;
    check("default.svc.cluster.local.", kind::A, &[]).await;
    check("svc.cluster.local.", kind::A, &[]).await;
    check("cluster.local.", kind::A, &[]).await;
    for missing in [
        "none.default.svc.cluster.local.",
        "web.other.svc.cluster.local.",
        "other.svc.cluster.local.",
        "gone.default.svc.cluster.local.",
        "a.b.c.web.default.svc.cluster.local.",
        "web.cluster.local.",
    ] {
        check_missing(missing).await;
    }
}

#[tokio::test]
async fn headless_services_and_endpoints_have_addresses() {
    let name = "db.default.svc.cluster.local.";
    let both = [
        "db.default.svc.cluster.local. 30 A 10.244.1.2",
        "db.default.svc.cluster.local. 30 A 10.244.2.2",
    ];
    check(name, kind::A, &both).await;
    let named = "db-0.db.default.svc.cluster.local.";
    check(
        named,
        kind::A,
        &["db-0.db.default.svc.cluster.local. 30 A 10.244.1.2"],
    )
    .await;
    let dashed = "10-244-2-2.web.default.svc.cluster.local.";
    check(
        dashed,
        kind::A,
        &["10-244-2-2.web.default.svc.cluster.local. 30 A 10.244.2.2"],
    )
    .await;
    check_missing("10-244-2-3.db.default.svc.cluster.local.").await;
}

#[tokio::test]
async fn ports_have_service_records() {
    let name = "_http._tcp.web.default.svc.cluster.local.";
    check(name, kind::SRV, &[
        "_http._tcp.web.default.svc.cluster.local. 30 SRV 0 100 80 web.default.svc.cluster.local.",
    ])
    .await;
    let answer = ask(name, kind::SRV).await;
    assert_eq!(
        text(&answer.additional[0]),
        "web.default.svc.cluster.local. 30 A 10.96.0.10"
    );
    let name = "_http._tcp.db.default.svc.cluster.local.";
    check(name, kind::SRV, &[
        "_http._tcp.db.default.svc.cluster.local. 30 SRV 0 50 8080 db-0.db.default.svc.cluster.local.",
        "_http._tcp.db.default.svc.cluster.local. 30 SRV 0 50 8080 10-244-2-2.db.default.svc.cluster.local.",
    ])
    .await;
    check_missing("_none._tcp.web.default.svc.cluster.local.").await;
    check_missing("_http._udp.web.default.svc.cluster.local.").await;
}

#[tokio::test]
async fn external_names_are_aliases_and_are_followed() {
    check(
        "far.default.svc.cluster.local.",
        kind::A,
        &[
            "far.default.svc.cluster.local. 30 CNAME www.example.com.",
            "www.example.com. 60 A 192.0.2.80",
        ],
    )
    .await;
    check(
        "near.default.svc.cluster.local.",
        kind::A,
        &[
            "near.default.svc.cluster.local. 30 CNAME web.default.svc.cluster.local.",
            "web.default.svc.cluster.local. 30 A 10.96.0.10",
        ],
    )
    .await;
    check(
        "far.default.svc.cluster.local.",
        kind::CNAME,
        &["far.default.svc.cluster.local. 30 CNAME www.example.com."],
    )
    .await;
}

#[tokio::test]
async fn pods_have_the_address_that_their_name_spells() {
    let name = "10-244-9-9.default.pod.cluster.local.";
    check(
        name,
        kind::A,
        &["10-244-9-9.default.pod.cluster.local. 30 A 10.244.9.9"],
    )
    .await;
    check("default.pod.cluster.local.", kind::A, &[]).await;
    check_missing("10-244-9-9.other.pod.cluster.local.").await;
    check_missing("some.default.pod.cluster.local.").await;
}

#[tokio::test]
async fn addresses_have_names() {
    check(
        "10.0.96.10.in-addr.arpa.",
        kind::PTR,
        &["10.0.96.10.in-addr.arpa. 30 PTR web.default.svc.cluster.local."],
    )
    .await;
    check(
        "2.1.244.10.in-addr.arpa.",
        kind::PTR,
        &[
            "2.1.244.10.in-addr.arpa. 30 PTR db-0.db.default.svc.cluster.local.",
            "2.1.244.10.in-addr.arpa. 30 PTR db-0.web.default.svc.cluster.local.",
        ],
    )
    .await;
    let outside = ask("1.2.0.192.in-addr.arpa.", kind::PTR).await;
    assert_eq!(outside.answers.len(), 1, "the next plugin answers");
}

#[tokio::test]
async fn the_zone_has_its_own_records() {
    check(
        "dns-version.cluster.local.",
        kind::TXT,
        &["dns-version.cluster.local. 30 TXT 1.1.0"],
    )
    .await;
    check(
        "cluster.local.",
        kind::SOA,
        &["cluster.local. 30 SOA ns.dns.cluster.local."],
    )
    .await;
    check(
        "cluster.local.",
        kind::NS,
        &["cluster.local. 30 NS web.default.svc.cluster.local."],
    )
    .await;
    check(
        "ns.dns.cluster.local.",
        kind::A,
        &["ns.dns.cluster.local. 30 A 10.96.0.10"],
    )
    .await;
}
