//! Addresses in HTML. No parser of documents: tags are found and their attributes changed, and
//! everything else stays as it was, byte for byte.

use super::Way;

/// The attributes that hold an address, by tag; as upstream knows them.
const ADDRESSES: [(&str, &[&str]); 25] = [
    ("a", &["href"]),
    ("applet", &["codebase"]),
    ("area", &["href"]),
    ("audio", &["src"]),
    ("base", &["href"]),
    ("blockquote", &["cite"]),
    ("body", &["background"]),
    ("button", &["formaction"]),
    ("command", &["icon"]),
    ("del", &["cite"]),
    ("embed", &["src"]),
    ("form", &["action"]),
    ("frame", &["longdesc", "src"]),
    ("head", &["profile"]),
    ("html", &["manifest"]),
    ("iframe", &["longdesc", "src"]),
    ("img", &["longdesc", "src", "usemap"]),
    ("input", &["formaction", "src", "usemap"]),
    ("ins", &["cite"]),
    ("link", &["href"]),
    ("object", &["classid", "codebase", "data", "usemap"]),
    ("q", &["cite"]),
    ("script", &["src"]),
    ("source", &["src"]),
    ("video", &["poster", "src"]),
];

/// Elements whose content is text, whatever it looks like.
const TEXTS: [&str; 9] = [
    "iframe",
    "noembed",
    "noframes",
    "plaintext",
    "script",
    "style",
    "textarea",
    "title",
    "xmp",
];

/// A page with its links changed.
pub(super) fn rewritten(page: &[u8], way: Way<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(page.len() + page.len() / 8);
    let mut rest = page;
    while let Some(start) = find(rest, b"<") {
        out.extend_from_slice(&rest[..start]);
        rest = &rest[start..];
        let Some(end) = end_of_markup(rest) else {
            break;
        };
        let (markup, behind) = rest.split_at(end);
        rest = behind;
        let name = name(markup);
        tag(markup, (&name, way), &mut out);
        if TEXTS.contains(&name.as_str()) {
            let end = end_of_text(rest, &name);
            out.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Behind the tag, the comment or the bare `<` that stands here; none if it never ends.
fn end_of_markup(text: &[u8]) -> Option<usize> {
    if text.starts_with(b"<!--") {
        return find(text, b"-->").map(|at| at + 3);
    }
    match text.get(1) {
        Some(b'!' | b'?' | b'/') => find(text, b">").map(|at| at + 1),
        Some(byte) if byte.is_ascii_alphabetic() => end_of_tag(text),
        _ => Some(1),
    }
}

/// Quoted values may hold what would end a tag.
fn end_of_tag(text: &[u8]) -> Option<usize> {
    let mut quote = None;
    let mut before = b'<';
    for (at, &byte) in text.iter().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if byte == b'>' => return Some(at + 1),
            None if before == b'=' && matches!(byte, b'"' | b'\'') => quote = Some(byte),
            None => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
    }
    None
}

/// The name of a tag that opens, in small letters; empty for anything else.
fn name(markup: &[u8]) -> String {
    let name = markup[1..].iter();
    let name = name.take_while(|byte| byte.is_ascii_alphanumeric());
    name.map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect()
}

/// Copies markup with the addresses in it changed.
fn tag(markup: &[u8], (name, way): (&str, Way<'_>), out: &mut Vec<u8>) {
    let entry = ADDRESSES.iter().find(|(tag, _)| *tag == name);
    let Some((_, attributes)) = entry else {
        out.extend_from_slice(markup);
        return;
    };
    let mut rest = markup;
    while let Some(equals) = find(rest, b"=") {
        let attribute = word_before(&rest[..equals]);
        let start = equals + 1 + spaces(&rest[equals + 1..]);
        let (start, end) = value(rest, start);
        out.extend_from_slice(&rest[..start]);
        let address = std::str::from_utf8(&rest[start..end]).ok();
        let changed = address
            .filter(|_| {
                attributes
                    .iter()
                    .any(|it| attribute.eq_ignore_ascii_case(it.as_bytes()))
            })
            .and_then(|address| way.of(address));
        let value = changed.as_ref().map_or(&rest[start..end], String::as_bytes);
        out.extend_from_slice(value);
        rest = &rest[end..];
    }
    out.extend_from_slice(rest);
}

/// Where the value that begins here has its text, without quotes.
fn value(tag: &[u8], start: usize) -> (usize, usize) {
    let quote = tag.get(start).filter(|byte| matches!(byte, b'"' | b'\''));
    let start = start + usize::from(quote.is_some());
    let ends = |byte: &u8| match quote {
        Some(quote) => byte == quote,
        None => byte.is_ascii_whitespace() || *byte == b'>',
    };
    let length = tag[start..].iter().position(ends);
    (start, length.map_or(tag.len(), |length| start + length))
}

/// The word that ends here, spaces aside.
fn word_before(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii_end();
    let start = text
        .iter()
        .rposition(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-');
    &text[start.map_or(0, |start| start + 1)..]
}

fn spaces(text: &[u8]) -> usize {
    text.len() - text.trim_ascii_start().len()
}

/// Where the text of an element ends: before its closing tag.
fn end_of_text(text: &[u8], name: &str) -> usize {
    let mut from = 0;
    while let Some(at) = find(&text[from..], b"</") {
        let tag = &text[from + at + 2..];
        let is_end = tag
            .get(..name.len())
            .is_some_and(|it| it.eq_ignore_ascii_case(name.as_bytes()));
        if is_end && name != "plaintext" {
            return from + at;
        }
        from += at + 2;
    }
    text.len()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|it| it == wanted)
}

#[cfg(test)]
mod tests;
