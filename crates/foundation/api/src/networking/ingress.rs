//! Ingress: <https://kubernetes.io/docs/concepts/services-networking/ingress/>.

mod validate;

use serde_json::{Value, json};
use styr_meta::FieldError;

use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct Ingress;

const HOSTS_MAX: usize = 3;

impl Rules for Ingress {
    fn validate(&self, object: &Value, _cx: &Context) -> Vec<FieldError> {
        validate::check(object)
    }

    fn cell(&self, column: &str, object: &Value, _cx: &Context) -> Option<Value> {
        let cell = match column {
            "Class" => cells::or_none(tree::text(object, "spec.ingressClassName")),
            "Hosts" => json!(hosts(tree::items(object, "spec.rules"))),
            "Address" => json!(addresses(object)),
            "Ports" if tree::items(object, "spec.tls").is_empty() => json!("80"),
            "Ports" => json!("80, 443"),
            _ => return None,
        };
        Some(cell)
    }
}

fn hosts(rules: &[Value]) -> String {
    let named: Vec<&str> = rules
        .iter()
        .map(|it| tree::text(it, "host"))
        .filter(|it| !it.is_empty())
        .collect();
    match named.len() {
        0 => "*".to_owned(),
        1..=HOSTS_MAX => named.join(","),
        _ => format!(
            "{} + {} more...",
            named[..HOSTS_MAX].join(","),
            rules.len() - HOSTS_MAX
        ),
    }
}

fn addresses(object: &Value) -> String {
    let mut all: Vec<&str> = tree::items(object, "status.loadBalancer.ingress")
        .iter()
        .map(|it| match tree::text(it, "ip") {
            "" => tree::text(it, "hostname"),
            ip => ip,
        })
        .filter(|it| !it.is_empty())
        .collect();
    all.sort_unstable();
    all.dedup();
    all.join(",")
}
