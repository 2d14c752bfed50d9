//! Where an address of a page leads, seen from this side of the proxy.

/// The way through the proxy.
#[derive(Debug, Clone, Copy)]
pub(in crate::forward) struct Way<'a> {
    /// The path here that stands for `/` there.
    pub prefix: &'a str,
    /// `address:port` there.
    pub authority: &'a str,
    /// What the client calls this server; the page is told, and may name it in links.
    pub host: &'a str,
}

impl Way<'_> {
    /// The address as it is from here; those of other servers, and relative ones, stay.
    pub(in crate::forward) fn of(self, address: &str) -> Option<String> {
        let (origin, host, path) = split(address);
        if !path.starts_with('/') {
            return None;
        }
        let origin = match host {
            None => "",
            Some(host) if host == self.host => origin,
            Some(host) if host == self.authority => "",
            Some(_) => return None,
        };
        if path.starts_with(self.prefix) {
            return Some(format!("{origin}{path}"));
        }
        Some(format!("{origin}{}{path}", self.prefix))
    }
}

/// Scheme and host, the host itself, and what stands behind it.
fn split(address: &str) -> (&str, Option<&str>, &str) {
    let is_scheme = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    };
    let start = match address.split_once("//") {
        Some(("", _)) => 2,
        Some((scheme, _)) if scheme.strip_suffix(':').is_some_and(is_scheme) => scheme.len() + 2,
        _ => return ("", None, address),
    };
    let behind = &address[start..];
    let end = start + behind.find(['/', '?', '#']).unwrap_or(behind.len());
    (&address[..end], Some(&address[start..end]), &address[end..])
}

#[cfg(test)]
mod tests;
