//! Endpoints: the addresses behind a service, in their first form.

use serde_json::{Value, json};

use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct Endpoints;

/// As many addresses are shown.
const SHOWN_MAX: usize = 3;

impl Rules for Endpoints {
    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        (column == "Endpoints").then(|| json!(addresses(object)))
    }
}

fn addresses(object: &Value) -> String {
    let mut all = Vec::new();
    for subset in tree::items(object, "subsets") {
        let addresses = tree::items(subset, "addresses")
            .iter()
            .map(|it| tree::text(it, "ip"));
        let ports = tree::items(subset, "ports");
        if ports.is_empty() {
            all.extend(addresses.map(str::to_owned));
            continue;
        }
        for port in ports {
            let number = tree::number(port, "port");
            all.extend(addresses.clone().map(|ip| join(ip, number)));
        }
    }
    match all.len() {
        0 if tree::items(object, "subsets").is_empty() => "<none>".to_owned(),
        0..=SHOWN_MAX => all.join(","),
        count => format!(
            "{} + {} more...",
            all[..SHOWN_MAX].join(","),
            count - SHOWN_MAX
        ),
    }
}

fn join(ip: &str, port: i64) -> String {
    if ip.contains(':') {
        format!("[{ip}]:{port}")
    } else {
        format!("{ip}:{port}")
    }
}
