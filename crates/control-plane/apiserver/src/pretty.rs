//! JSON for people: indented, and as YAML. The order of fields stays.

/// Indents compact JSON by two spaces, as upstream does; without a newline at the end.
pub(crate) fn indent(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut at = 0;
    while at < json.len() {
        let byte = json[at];
        match byte {
            b'"' => {
                let end = end_of_string(json, at);
                out.extend_from_slice(&json[at..end]);
                at = end;
                continue;
            }
            b'{' | b'[' => {
                out.push(byte);
                if matches!(json.get(at + 1), Some(b'}' | b']')) {
                    at += 1;
                    out.push(json[at]);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                depth -= 1;
                new_line(&mut out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                new_line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => out.push(byte),
        }
        at += 1;
    }
    out
}

fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < json.len() {
        match json[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

fn new_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.resize(out.len() + depth * 2, b' ');
}

/// JSON as YAML, with sorted keys as upstream's.
pub(crate) fn yaml(json: &[u8]) -> String {
    let value: serde_json::Value =
        serde_json::from_slice(json).expect("encoded by this server a moment ago");
    serde_saphyr::to_string(&value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
