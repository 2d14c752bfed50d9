use std::net::IpAddr;
use std::process::Command;

use super::*;
use crate::netns::NetNs;

fn inside(work: impl FnOnce() + Send) {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root");
        return;
    }
    NetNs::create().unwrap().run(work).unwrap();
}

const SERVICES: Set<'_> = Set {
    name: "services",
    key: &[Type::Ipv4, Type::Protocol, Type::Port, Type::Mark],
    data: &[Type::Ipv4, Type::Port],
    flags: SetFlags {
        is_interval: false,
        dynamic_timeout_ms: None,
    },
};

fn entry(address: [u8; 4], number: u32) -> Element {
    let mut key = Vec::new();
    field(&mut key, &address);
    field(&mut key, &[6]);
    field(&mut key, &80_u16.to_be_bytes());
    slot(&mut key, number);
    let mut data = Vec::new();
    field(&mut data, &[10, 0, 0, 7]);
    field(&mut data, &8080_u16.to_be_bytes());
    Element::entry(key, data)
}

fn base(batch: &mut Batch, table: &Table) {
    batch.reset_table(table);
    batch.add_set(table, &SERVICES);
    let chain = Chain {
        name: "prerouting",
        hook: Some((Hook::NatPrerouting, -100)),
    };
    batch.add_chain(table, chain);
    let rule = [
        expression::ipv4_destination(0),
        expression::transport_protocol(1),
        expression::destination_port(2),
        expression::random(16, 3),
        expression::look_up("services", 0, 8),
        expression::destination_nat(8, 9),
    ];
    batch.add_rule(table, "prerouting", &rule, "a service");
}

/// What the `nft` program says, where it is installed.
fn listed() -> Option<String> {
    let output = Command::new("nft")
        .args(["-n", "list", "ruleset"])
        .output()
        .ok()?;
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{error}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_service_map_reads_back_as_it_was_written() {
    inside(|| {
        let table = Table::ipv4("styr-test");
        let mut nftables = Nftables::open().unwrap();
        assert!(!nftables.has_table(&table).unwrap());
        let mut batch = Batch::new();
        base(&mut batch, &table);
        batch.add_elements(&table, "services", &[entry([10, 96, 0, 1], 3)]);
        nftables.commit(batch).unwrap();
        assert!(nftables.has_table(&table).unwrap());
        let expected = entry([10, 96, 0, 1], 3);
        let elements = nftables.elements(&table, "services").unwrap();
        assert_eq!(elements, [expected]);
        if let Some(text) = listed() {
            assert!(
                text.contains("10.96.0.1 . 6 . 80 . 0x00000003 : 10.0.0.7 . 8080"),
                "{text}"
            );
            assert!(text.contains("dnat ip to"), "{text}");
        }
    });
}

#[test]
fn a_batch_with_one_bad_change_changes_nothing() {
    inside(|| {
        let table = Table::ipv4("styr-test");
        let mut nftables = Nftables::open().unwrap();
        let mut batch = Batch::new();
        base(&mut batch, &table);
        nftables.commit(batch).unwrap();
        let mut batch = Batch::new();
        batch.add_elements(&table, "services", &[entry([10, 96, 0, 1], 3)]);
        batch.delete_elements(&table, "services", &[entry([10, 96, 0, 2], 0)]);
        let error = nftables.commit(batch).unwrap_err();
        assert!(error.is_missing(), "{error}");
        assert_eq!(
            error.to_string(),
            "could not delete 1 elements of styr-test services"
        );
        assert_eq!(nftables.elements(&table, "services").unwrap(), []);
    });
}

#[test]
fn ten_thousand_services_load_in_one_batch() {
    inside(|| {
        let table = Table::ipv4("styr-test");
        let mut nftables = Nftables::open().unwrap();
        let mut batch = Batch::new();
        base(&mut batch, &table);
        let elements: Vec<Element> = (0..10_000_u32)
            .flat_map(|service| {
                let [_, _, high, low] = service.to_be_bytes();
                (0..16).map(move |number| entry([10, 96, high, low], number))
            })
            .collect();
        batch.add_elements(&table, "services", &elements);
        nftables.commit(batch).unwrap();
        let mut batch = Batch::new();
        batch.delete_elements(&table, "services", &elements[..16]);
        nftables.commit(batch).unwrap();
        assert_eq!(
            nftables.elements(&table, "services").unwrap().len(),
            159_984
        );
    });
}

fn sets_and_chains(batch: &mut Batch, table: &Table) {
    let pods = Set {
        name: "pods",
        key: &[Type::Ipv4],
        data: &[],
        flags: SetFlags {
            is_interval: true,
            dynamic_timeout_ms: None,
        },
    };
    let affinity = Set {
        name: "affinity",
        key: &[Type::Ipv4, Type::Protocol, Type::Port, Type::Ipv4],
        data: &[Type::Ipv4, Type::Port],
        flags: SetFlags {
            is_interval: false,
            dynamic_timeout_ms: Some(5_000),
        },
    };
    batch.add_set(table, &pods);
    batch.add_set(table, &affinity);
    batch.add_chain(
        table,
        Chain {
            name: "after",
            hook: Some((Hook::NatPostrouting, 100)),
        },
    );
    batch.add_chain(
        table,
        Chain {
            name: "before",
            hook: Some((Hook::NatPrerouting, -100)),
        },
    );
    batch.add_chain(
        table,
        Chain {
            name: "filter",
            hook: Some((Hook::FilterForward, 0)),
        },
    );
    batch.add_chain(
        table,
        Chain {
            name: "sticky",
            hook: None,
        },
    );
}

fn some_rules() -> [(&'static str, Vec<Expression>); 3] {
    [
        (
            "after",
            vec![
                expression::ipv4_source(0),
                expression::is_in("pods", 0),
                expression::ipv4_destination(0),
                expression::is_not_in("pods", 0),
                expression::masquerade(),
            ],
        ),
        (
            "before",
            vec![
                expression::destination_type(0),
                expression::equals(0, &expression::TYPE_LOCAL.to_ne_bytes()),
                expression::mark(1),
                expression::bits(1, !0x4000, 0x4000),
                expression::set_mark(1),
                expression::jump("sticky"),
            ],
        ),
        (
            "filter",
            vec![
                expression::connection_state(0),
                expression::bits(0, expression::STATE_NEW, 0),
                expression::differs(0, &[0; 4]),
                expression::transport_protocol(1),
                expression::equals(1, &[6]),
                expression::reject_with_reset(),
            ],
        ),
    ]
}

#[test]
fn ranges_masquerade_reject_and_dynamic_maps_are_accepted() {
    inside(|| {
        let table = Table::ipv4("styr-test");
        let mut nftables = Nftables::open().unwrap();
        let mut batch = Batch::new();
        batch.reset_table(&table);
        sets_and_chains(&mut batch, &table);
        let own = IpAddr::from([10, 244, 1, 0]);
        batch.add_elements(&table, "pods", &Element::network(own, 24));
        let rules = some_rules();
        for (chain, rule) in &rules {
            batch.add_rule(&table, chain, rule, chain);
        }
        nftables.commit(batch).unwrap();
        if let Some(text) = listed() {
            for part in [
                "10.244.1.0/24",
                "masquerade fully-random",
                "reject with tcp reset",
                "fib daddr type 2",
            ] {
                assert!(text.contains(part), "{part} in {text}");
            }
        }
        // Listing this rule trips an assertion in nft 1.0.6, so it comes last.
        let sticky = [
            expression::ipv4_destination(0),
            expression::transport_protocol(1),
            expression::destination_port(2),
            expression::ipv4_source(3),
            expression::look_up("affinity", 0, 8),
            expression::remember("affinity", 0, 8),
            expression::destination_nat(8, 9),
        ];
        let mut batch = Batch::new();
        batch.add_rule(&table, "sticky", &sticky, "sticky");
        nftables.commit(batch).unwrap();
    });
}

#[test]
fn networks_become_ranges() {
    let range = |ip: [u8; 4], prefix| -> Vec<Vec<u8>> {
        let elements = Element::network(IpAddr::from(ip), prefix);
        elements.into_iter().map(|element| element.key).collect()
    };
    assert_eq!(
        range([10, 244, 1, 9], 24),
        [[10, 244, 1, 0], [10, 244, 2, 0]]
    );
    assert_eq!(range([10, 255, 0, 0], 16), [[10, 255, 0, 0], [11, 0, 0, 0]]);
    assert_eq!(range([10, 1, 2, 3], 32), [[10, 1, 2, 3], [10, 1, 2, 4]]);
    assert_eq!(
        range([172, 16, 0, 0], 12),
        [[172, 16, 0, 0], [172, 32, 0, 0]]
    );
    assert_eq!(range([0; 4], 0), [[0; 4]]);
    assert_eq!(range([255, 255, 255, 0], 24), [[255, 255, 255, 0]]);
}
