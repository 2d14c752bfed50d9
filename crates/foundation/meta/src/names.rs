//! Which texts are names: labels and subdomains of DNS, keys and values of labels, ports and so on.
//!
//! Every check answers upstream's messages about what is wrong; nothing means the text is fine.

const LABEL_MAX: usize = 63;
const SUBDOMAIN_MAX: usize = 253;
const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const LABEL_KEY: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_KEY_WORDS: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

fn too_long(max: usize) -> String {
    format!("must be no more than {max} characters")
}

fn too_many_bytes(max: usize) -> String {
    format!("must be no more than {max} bytes")
}

/// The message about a text that does not match a pattern.
pub fn mismatch(words: &str, pattern: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{words} (regex used for validation is '{pattern}')");
    }
    let examples: Vec<String> = examples.iter().map(|text| format!("'{text}', ")).collect();
    format!(
        "{words} (e.g. {}regex used for validation is '{pattern}')",
        examples.join(" or ")
    )
}

/// A number outside its range.
pub fn out_of_range(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

fn is_lower(c: u8) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|&c| is_lower(c))
        && bytes.last().is_some_and(|&c| is_lower(c))
        && bytes.iter().all(|&c| is_lower(c) || c == b'-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_label_key(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(c))
}

/// A label of DNS by RFC 1123, as namespaces and most parts of a pod are named.
pub fn dns1123_label(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > LABEL_MAX {
        wrong.push(too_long(LABEL_MAX));
    }
    if !is_label(text) {
        wrong.push(if is_subdomain(text) {
            "must not contain dots".to_owned()
        } else {
            let words = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
            mismatch(words, LABEL, &["my-name", "123-abc"])
        });
    }
    wrong
}

/// A name of DNS by RFC 1123, as most objects are named.
pub fn dns1123_subdomain(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > SUBDOMAIN_MAX {
        wrong.push(too_long(SUBDOMAIN_MAX));
    }
    if !is_subdomain(text) {
        let words = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
        wrong.push(mismatch(
            words,
            &format!(r"{LABEL}(\.{LABEL})*"),
            &["example.com"],
        ));
    }
    wrong
}

/// A name of DNS that may have underscores, as domains to search in.
pub fn dns1123_subdomain_with_underscore(text: &str) -> Vec<String> {
    const PART: &str = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
    let mut wrong = Vec::new();
    if text.len() > SUBDOMAIN_MAX {
        wrong.push(too_long(SUBDOMAIN_MAX));
    }
    let is_part = |part: &str| {
        let bytes = part.strip_prefix('_').unwrap_or(part).as_bytes();
        bytes.first().is_some_and(|&c| is_lower(c))
            && bytes.last().is_some_and(|&c| is_lower(c))
            && bytes.iter().all(|&c| is_lower(c) || b"-_".contains(&c))
    };
    if !text.split('.').all(is_part) {
        let words = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character";
        let pattern = format!(r"{PART}(\.{PART})*");
        wrong.push(mismatch(words, &pattern, &["example.com"]));
    }
    wrong
}

/// A subdomain whose first label may be `*`.
pub fn wildcard_dns1123_subdomain(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > SUBDOMAIN_MAX {
        wrong.push(too_long(SUBDOMAIN_MAX));
    }
    if !text.strip_prefix("*.").is_some_and(is_subdomain) {
        let words = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
        wrong.push(mismatch(
            words,
            &format!(r"\*\.{LABEL}(\.{LABEL})*"),
            &["*.example.com"],
        ));
    }
    wrong
}

/// A label of DNS by RFC 1035, as services are named: it begins with a letter.
pub fn dns1035_label(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > LABEL_MAX {
        wrong.push(too_long(LABEL_MAX));
    }
    if !is_label(text) || !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        let words = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
        let pattern = "[a-z]([-a-z0-9]*[a-z0-9])?";
        wrong.push(mismatch(words, pattern, &["my-name", "abc-123"]));
    }
    wrong
}

/// The key of a label, an annotation or a resource: a name, with a subdomain before it if need be.
pub fn qualified_name(text: &str) -> Vec<String> {
    let examples = ["MyName", "my.name", "123-abc"];
    let mut wrong = Vec::new();
    let parts: Vec<&str> = text.split('/').collect();
    let name = match parts.as_slice() {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                wrong.push("prefix part must be non-empty".to_owned());
            } else {
                let texts = dns1123_subdomain_content(prefix);
                wrong.extend(texts.into_iter().map(|text| format!("prefix part {text}")));
            }
            name
        }
        _ => {
            let words = mismatch(LABEL_KEY_WORDS, LABEL_KEY, &examples);
            return vec![format!(
                "a valid label key {words} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if name.len() > LABEL_MAX {
        wrong.push(format!("name part {}", too_many_bytes(LABEL_MAX)));
    }
    if !is_label_key(name) {
        let words = mismatch(LABEL_KEY_WORDS, LABEL_KEY, &examples);
        wrong.push(format!("name part {words}"));
    }
    wrong
}

/// The same rule with the other unit in its message.
fn dns1123_subdomain_content(text: &str) -> Vec<String> {
    let texts = dns1123_subdomain(text).into_iter();
    texts
        .map(|text| text.replace("253 characters", "253 bytes"))
        .collect()
}

pub fn label_value(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > LABEL_MAX {
        wrong.push(too_many_bytes(LABEL_MAX));
    }
    if !text.is_empty() && !is_label_key(text) {
        let words = format!(
            "a valid label must be an empty string or {}",
            &LABEL_KEY_WORDS[5..]
        );
        let examples = ["MyValue", "my_value", "12345"];
        wrong.push(mismatch(&words, &format!("({LABEL_KEY})?"), &examples));
    }
    wrong
}

/// The name of a port: 15 letters, digits and hyphens, one letter at least.
pub fn port_name(text: &str) -> Vec<String> {
    const MAX: usize = 15;
    let mut wrong = Vec::new();
    if text.len() > MAX {
        wrong.push(too_long(MAX));
    }
    if text.is_empty() || !text.bytes().all(|c| is_lower(c) || c == b'-') {
        let words = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
        wrong.push(words.to_owned());
    }
    if !text.bytes().any(|c| c.is_ascii_lowercase()) {
        wrong.push("must contain at least one letter (a-z)".to_owned());
    }
    if text.contains("--") {
        wrong.push("must not contain consecutive hyphens".to_owned());
    }
    if text.starts_with('-') || text.ends_with('-') {
        wrong.push("must not begin or end with a hyphen".to_owned());
    }
    wrong
}

pub fn port_number(port: i64) -> Vec<String> {
    const MAX: i64 = 65535;
    if (1..=MAX).contains(&port) {
        Vec::new()
    } else {
        vec![out_of_range(1, MAX)]
    }
}

/// A number of a user or a group.
pub fn user_id(id: i64) -> Vec<String> {
    let max = i64::from(i32::MAX);
    if (0..=max).contains(&id) {
        Vec::new()
    } else {
        vec![out_of_range(0, max)]
    }
}

pub fn percent(text: &str) -> Vec<String> {
    let digits = text.strip_suffix('%');
    if digits.is_some_and(|text| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit())) {
        return Vec::new();
    }
    let words = "a valid percent string must be a numeric string followed by an ending '%'";
    vec![mismatch(words, "[0-9]+%", &["1%", "93%"])]
}

/// The name of an environment variable: anything printable of ASCII but `=`.
pub fn env_var_name(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.is_empty() {
        wrong.push("environment variable name must be non-empty".to_owned());
    }
    if !text
        .bytes()
        .all(|c| (b' '..=b'~').contains(&c) && c != b'=')
    {
        let words = "a valid environment variable name must consist only of printable ASCII characters other than '='";
        wrong.push(words.to_owned());
    }
    wrong
}

pub fn http_header_name(text: &str) -> Vec<String> {
    if !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-') {
        return Vec::new();
    }
    let words = "a valid HTTP header must consist of alphanumeric characters or '-'";
    vec![mismatch(words, "[-A-Za-z0-9]+", &["X-Header-Name"])]
}

/// A key of a `ConfigMap` or a `Secret`, which is also the name of a file.
pub fn config_map_key(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > SUBDOMAIN_MAX {
        wrong.push(too_long(SUBDOMAIN_MAX));
    }
    if text.is_empty()
        || !text
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c))
    {
        let words = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
        let examples = ["key.name", "KEY_NAME", "key-name"];
        wrong.push(mismatch(words, "[-._a-zA-Z0-9]+", &examples));
    }
    match text {
        "." => wrong.push("must not be '.'".to_owned()),
        ".." => wrong.push("must not be '..'".to_owned()),
        _ if text.starts_with("..") => wrong.push("must not start with '..'".to_owned()),
        _ => {}
    }
    wrong
}

/// A name that can stand in a path, whatever else it is (as roles are named).
pub fn path_segment(text: &str) -> Vec<String> {
    if text == "." || text == ".." {
        return vec![format!("may not be '{text}'")];
    }
    let marks = ["/", "%"].iter().filter(|mark| text.contains(**mark));
    marks
        .map(|mark| format!("may not contain '{mark}'"))
        .collect()
}
