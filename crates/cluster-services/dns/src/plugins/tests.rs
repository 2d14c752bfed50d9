use std::time::Duration;

use styr_base::SystemClock;

use super::*;
use crate::corefile;

fn build(text: &str) -> Result<(Settings, Vec<Block>), CorefileError> {
    let blocks = corefile::parse(text)?;
    let mut settings = Settings::new(SystemClock::shared(), None);
    let built = settings.build(&blocks, 53)?;
    Ok((settings, built))
}

#[test]
fn the_plugins_of_the_default_corefile_are_understood() {
    let text = ".:53 {\n errors\n health {\n lameduck 5s\n }\n ready\n prometheus :9153\n \
                forward . 192.0.2.53 10.0.0.1:5353 {\n max_concurrent 1000\n }\n cache 30 {\n \
                disable success cluster.local\n disable denial cluster.local\n }\n loop\n \
                reload\n loadbalance\n}\n";
    let (settings, blocks) = build(text).unwrap();
    assert_eq!(settings.lameduck, Duration::from_secs(5));
    assert_eq!(settings.health.unwrap().to_string(), "0.0.0.0:8080");
    assert_eq!(settings.ready.unwrap().to_string(), "0.0.0.0:8181");
    assert_eq!(settings.metrics.unwrap().to_string(), "0.0.0.0:9153");
    assert_eq!(settings.reload, Some(Duration::from_secs(30)));
    assert_eq!(settings.probes.len(), 1);
    assert_eq!(blocks.len(), 1);
    assert_eq!(blocks[0].plugins.len(), 6);
}

#[test]
fn what_is_not_known_is_refused_with_its_line() {
    let refusal = |text: &str| build(text).err().unwrap().to_string();
    let unknown = refusal(".:53 {\n errors\n hosts\n}\n");
    assert_eq!(unknown, "Corefile line 3: unknown directive \"hosts\"");
    assert!(refusal(".:53 {\n cache 30 {\n prefetch 1\n }\n}").contains("line 3: prefetch"));
    assert!(refusal("tls://.:853 {\n}").contains("transport"));
    assert!(refusal(". {\n forward . tls://9.9.9.9\n}").contains("not an address"));
    assert!(refusal(". {\n kubernetes\n}").contains("no connection"));
}

#[test]
fn zones_of_a_block_go_to_their_ports() {
    let (_, blocks) = build("Example.org a.example:1053 .:53 {\n errors\n}").unwrap();
    let ports: Vec<(u16, usize)> = blocks
        .iter()
        .map(|one| (one.port, one.zones.len()))
        .collect();
    assert_eq!(ports, [(53, 2), (1053, 1)]);
    assert_eq!(blocks[0].zones[0].to_string(), "example.org.");
}
