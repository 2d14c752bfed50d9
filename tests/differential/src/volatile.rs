//! What two servers cannot have in common, each by a rule of its own.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// A rule: puts a fixed word where the value is free.
type Rule = fn(key: &str, value: &mut Value);

const RULES: &[Rule] = &[
    uid,
    revision,
    continuation,
    this_year,
    address,
    node_port,
    age,
    token,
    in_text,
];

static UID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").expect("it is valid")
});

/// Names that the server ends: of the volume of tokens, and of what the cases call `gen-`.
static GENERATED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("(kube-api-access|gen)-[a-z0-9]{5}$").expect("it is valid"));

static REVISION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(precondition|record) \(\d+\)").expect("it is valid"));

/// Makes an answer comparable.
pub fn settle(value: &mut Value) {
    visit("", value);
}

fn visit(key: &str, value: &mut Value) {
    match value {
        Value::Object(members) => {
            generated_name(members);
            order_of_causes(members);
            order_of_rules(members);
            column_description(members);
            for (key, member) in members.iter_mut() {
                visit(key, member);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| visit(key, item)),
        _ => RULES.iter().for_each(|rule| rule(key, value)),
    }
}

fn set(value: &mut Value, word: &str) {
    *value = Value::String(word.to_owned());
}

fn uid(key: &str, value: &mut Value) {
    if key == "uid" && value.as_str().is_some_and(|text| UID.is_match(text)) {
        set(value, "<uid>");
    }
}

fn revision(key: &str, value: &mut Value) {
    let counts = |text: &str| text.parse::<u64>().is_ok_and(|number| number > 0);
    if key == "resourceVersion" && value.as_str().is_some_and(counts) {
        set(value, "<revision>");
    }
}

fn continuation(key: &str, value: &mut Value) {
    if key == "continue" && value.as_str().is_some_and(|text| !text.is_empty()) {
        set(value, "<continue>");
    }
}

/// Cases write times of other years, so these are the server's.
fn this_year(_key: &str, value: &mut Value) {
    let year = jiff::Zoned::now().year();
    let is_time = |text: &str| {
        let time = text.parse::<jiff::Timestamp>();
        time.is_ok_and(|time| (time.to_zoned(jiff::tz::TimeZone::UTC).year() - year).abs() <= 1)
    };
    if value.as_str().is_some_and(is_time) {
        set(value, "<now>");
    }
}

fn address(key: &str, value: &mut Value) {
    let is_address = value
        .as_str()
        .is_some_and(|text| text.starts_with("10.96."));
    if matches!(key, "clusterIP" | "clusterIPs" | "cells") && is_address {
        set(value, "<address>");
    }
}

fn node_port(key: &str, value: &mut Value) {
    let is_free = value
        .as_u64()
        .is_some_and(|port| (30_000..32_768).contains(&port));
    if matches!(key, "nodePort" | "healthCheckNodePort") && is_free {
        set(value, "<port>");
    }
}

fn age(key: &str, value: &mut Value) {
    let is_age = |text: &str| {
        let seconds = text.strip_suffix('s').unwrap_or_default();
        !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit())
    };
    if key == "cells" && value.as_str().is_some_and(is_age) {
        set(value, "<age>");
    }
}

fn token(key: &str, value: &mut Value) {
    if key == "token" && value.as_str().is_some_and(|text| text.starts_with("eyJ")) {
        set(value, "<token>");
    }
}

/// What stands in the middle of texts: uids, made-up endings of names, revisions.
fn in_text(_key: &str, value: &mut Value) {
    let Value::String(text) = value else { return };
    for (pattern, word) in [
        (&*UID, "<uid>"),
        (&*GENERATED, "$1-<5>"),
        (&*REVISION, "$1 (<revision>)"),
    ] {
        *text = pattern.replace_all(text, word).into_owned();
    }
}

fn generated_name(members: &mut serde_json::Map<String, Value>) {
    let prefix = members.get("generateName").and_then(Value::as_str);
    let name = members.get("name").and_then(Value::as_str);
    if let (Some(prefix), Some(name)) = (prefix, name)
        && name.len() == prefix.len() + 5
        && name.starts_with(prefix)
    {
        let word = format!("{prefix}<5>");
        members.insert("name".to_owned(), Value::String(word));
    }
}

/// Several causes are a set: in which order a server comes upon them is its own affair.
fn order_of_causes(members: &mut serde_json::Map<String, Value>) {
    let causes = members
        .get_mut("details")
        .and_then(|details| details.get_mut("causes"));
    let Some(Value::Array(causes)) = causes else {
        return;
    };
    if causes.len() < 2 {
        return;
    }
    causes.sort_by_key(ToString::to_string);
    // The message lists them once more.
    if let Some(Value::String(message)) = members.get_mut("message")
        && let Some((head, _)) = message.split_once(": [")
    {
        *message = format!("{head}: [...]");
    }
}

/// The rules that apply to somebody are a set.
fn order_of_rules(members: &mut serde_json::Map<String, Value>) {
    for rules in ["resourceRules", "nonResourceRules"] {
        if let Some(Value::Array(rules)) = members.get_mut(rules) {
            rules.sort_by_key(ToString::to_string);
        }
    }
}

/// What a column means is not told: nothing shows it, and it is half of a table's definition.
fn column_description(members: &mut serde_json::Map<String, Value>) {
    if let Some(Value::Array(columns)) = members.get_mut("columnDefinitions") {
        for column in columns.iter_mut().filter_map(Value::as_object_mut) {
            column.remove("description");
        }
    }
}
