//! What a request is about, read off its method, path and query.

use http::Method;

use crate::query::{Query, decode_bytes};

/// A request, understood.
#[derive(Debug, Clone, Default)]
pub struct RequestInfo {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for
    /// paths that are no resources the method in lower case.
    pub verb: String,
    pub is_resource: bool,
    pub group: String,
    pub version: String,
    /// Also set for a Namespace by name.
    pub namespace: String,
    pub resource: String,
    pub name: String,
    pub subresource: String,
    /// What follows the subresource: the path of a proxied request, with its slash.
    pub rest: String,
    pub path: String,
}

impl RequestInfo {
    pub fn new(method: &Method, path: &str, query: &Query) -> Self {
        let mut info = Self {
            verb: method.as_str().to_ascii_lowercase(),
            path: path.to_owned(),
            ..Self::default()
        };
        let trimmed = path.trim_matches('/');
        let mut segments = trimmed.split('/');
        let found = match segments.next() {
            Some("api") => {
                info.version = segments.next().unwrap_or("").to_owned();
                !info.version.is_empty()
            }
            Some("apis") => {
                info.group = segments.next().unwrap_or("").to_owned();
                info.version = segments.next().unwrap_or("").to_owned();
                !info.version.is_empty()
            }
            _ => false,
        };
        let parts: Vec<&str> = segments.collect();
        if !found || parts.first().is_none_or(|first| first.is_empty()) {
            return info;
        }
        info.is_resource = true;
        info.verb = verb_of(method).to_owned();
        info.read_parts(&parts, path);
        info.refine_verb(query);
        info
    }

    fn read_parts(&mut self, parts: &[&str], path: &str) {
        let mut parts = parts;
        if parts[0] == "watch" && parts.len() > 1 {
            self.verb = "watch".to_owned();
            parts = &parts[1..];
        }
        if parts[0] == "namespaces" && parts.len() > 1 {
            self.namespace = decode_bytes(parts[1]);
            if parts.len() > 2 && !matches!(parts[2], "status" | "finalize") {
                parts = &parts[2..];
            }
        }
        self.resource = parts[0].to_owned();
        self.name = parts
            .get(1)
            .map(|name| decode_bytes(name))
            .unwrap_or_default();
        self.subresource = parts.get(2).map(|it| (*it).to_owned()).unwrap_or_default();
        if parts.len() > 3 || (path.ends_with('/') && parts.len() == 3) {
            self.rest = format!("/{}", parts.get(3..).unwrap_or_default().join("/"));
            if path.ends_with('/') && !self.rest.ends_with('/') {
                self.rest.push('/');
            }
        }
    }

    fn refine_verb(&mut self, query: &Query) {
        if !self.name.is_empty() {
            return;
        }
        if self.verb == "get" {
            let is_watch = query.flag("watch").unwrap_or(false);
            self.verb = if is_watch { "watch" } else { "list" }.to_owned();
        } else if self.verb == "delete" {
            self.verb = "deletecollection".to_owned();
        }
        if matches!(self.verb.as_str(), "list" | "watch" | "deletecollection") {
            self.name = name_of_selector(query.text("fieldSelector")).to_owned();
        }
    }

    /// Whether the path itself names an object (a field selector may name one as well).
    pub fn names_object(&self) -> bool {
        !self.name.is_empty()
            && !matches!(self.verb.as_str(), "list" | "watch" | "deletecollection")
    }
}

fn verb_of(method: &Method) -> &'static str {
    match *method {
        Method::POST => "create",
        Method::GET | Method::HEAD => "get",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "",
    }
}

/// A list of `metadata.name=x` is authorized as one of x.
fn name_of_selector(selector: &str) -> &str {
    selector
        .split(',')
        .find_map(|term| term.strip_prefix("metadata.name="))
        .map_or("", |name| name.trim_start_matches('='))
}

#[cfg(test)]
mod tests;
