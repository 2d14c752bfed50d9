//! The options of list, watch and deletecollection, checked as upstream checks them.

use styr_api::Kind;
use styr_meta::{FieldError, Status};
use styr_store::Revision;

use crate::query::Query;
use crate::registry::page::Continue;
use crate::registry::read::At;
use crate::registry::selection::Selection;
use crate::status;

const NOT_OLDER_THAN: &str = "NotOlderThan";
const EXACT: &str = "Exact";

/// What is listed or watched.
#[derive(Debug)]
pub(super) struct ListOptions {
    pub selection: Selection,
    /// `None` if not given, 0 for "any".
    pub revision: Option<Revision>,
    pub is_exact: bool,
    pub limit: usize,
    pub next: Option<Continue>,
    pub timeout_seconds: Option<u64>,
    pub allow_bookmarks: bool,
    pub send_initial_events: Option<bool>,
}

impl ListOptions {
    pub(super) fn parse(kind: &Kind, query: &Query, is_watch: bool) -> Result<Self, Status> {
        let version = query.text("resourceVersion");
        let matching = query.text("resourceVersionMatch");
        let send_initial_events = query.flag("sendInitialEvents");
        let token = query.text("continue");
        let given = Given {
            version,
            matching,
            token,
            send_initial_events,
        };
        let problems = if is_watch {
            given.watch_problems()
        } else {
            given.list_problems()
        };
        if !problems.is_empty() {
            return Err(status::invalid_options("ListOptions", problems));
        }
        let selection = Selection::parse(
            kind,
            query.text("labelSelector"),
            query.text("fieldSelector"),
        )?;
        let limit = number(query, "limit")?.unwrap_or(0);
        let next =
            match token {
                "" => None,
                token => Some(Continue::decode(token).map_err(|text| {
                    status::bad_request(&format!("invalid continue token: {text}"))
                })?),
            };
        if next.is_some() && !matches!(version, "" | "0") {
            return Err(status::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        Ok(Self {
            selection,
            revision: revision(version).map_err(|text| {
                status::bad_request(&format!("invalid resource version: {text}"))
            })?,
            is_exact: matching == EXACT,
            limit: usize::try_from(limit).unwrap_or(0),
            next,
            timeout_seconds: number(query, "timeoutSeconds")?.map(i64::unsigned_abs),
            allow_bookmarks: query.flag("allowWatchBookmarks").unwrap_or(false),
            send_initial_events,
        })
    }

    /// How fresh a list must be.
    pub(super) fn at(&self) -> At {
        match (&self.next, self.revision) {
            (
                Some(Continue {
                    revision: Some(revision),
                    ..
                }),
                _,
            ) => At::Exact(*revision),
            (Some(_), _) | (None, None) => At::Latest,
            (None, Some(0)) => At::Any,
            (None, Some(revision)) if self.is_exact => At::Exact(revision),
            (None, Some(revision)) => At::NotOlderThan(revision),
        }
    }

    /// A list of "any" revision is not cut into pages.
    pub(super) fn page(&self) -> Option<usize> {
        let is_any = self.revision == Some(0) && self.next.is_none();
        (self.limit > 0 && !is_any).then_some(self.limit)
    }
}

fn number(query: &Query, name: &str) -> Result<Option<i64>, Status> {
    query.number(name).map_err(|text| {
        status::bad_request(&format!(
            "strconv.ParseInt: parsing {text:?}: invalid syntax"
        ))
    })
}

/// A resourceVersion; `None` if there is none. `Err` is upstream's text.
pub(crate) fn revision(text: &str) -> Result<Option<Revision>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = text
        .parse::<u64>()
        .ok()
        .and_then(|number| Revision::try_from(number).ok());
    parsed.map(Some).ok_or_else(|| {
        let reason = format!("strconv.ParseUint: parsing {text:?}: invalid syntax");
        FieldError::invalid("resourceVersion", text, reason).to_string()
    })
}

struct Given<'a> {
    version: &'a str,
    matching: &'a str,
    token: &'a str,
    send_initial_events: Option<bool>,
}

impl Given<'_> {
    fn list_problems(&self) -> Vec<FieldError> {
        let field = "resourceVersionMatch";
        let forbidden = |detail: &str| FieldError::forbidden(field, detail);
        let mut problems = Vec::new();
        if !self.matching.is_empty() {
            if self.version.is_empty() {
                problems.push(forbidden(
                    "resourceVersionMatch is forbidden unless resourceVersion is provided",
                ));
            }
            if !self.token.is_empty() {
                problems.push(forbidden(
                    "resourceVersionMatch is forbidden when continue is provided",
                ));
            }
            if self.matching != EXACT && self.matching != NOT_OLDER_THAN {
                let valid = [EXACT, NOT_OLDER_THAN, ""];
                problems.push(FieldError::not_supported(field, self.matching, &valid));
            }
            if self.matching == EXACT && self.version == "0" {
                problems.push(forbidden(
                    "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
                ));
            }
        }
        if self.send_initial_events.is_some() {
            let detail = "sendInitialEvents is forbidden for list";
            problems.push(FieldError::forbidden("sendInitialEvents", detail));
        }
        problems
    }

    fn watch_problems(&self) -> Vec<FieldError> {
        let field = "resourceVersionMatch";
        let forbidden = |detail: &str| FieldError::forbidden(field, detail);
        let mut problems = Vec::new();
        if self.send_initial_events.is_some() && self.matching != NOT_OLDER_THAN {
            problems.push(forbidden(
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            ));
        }
        if !self.matching.is_empty() {
            if self.send_initial_events.is_none() {
                problems.push(forbidden(
                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is \
                     provided",
                ));
            }
            if self.matching != NOT_OLDER_THAN {
                let valid = [NOT_OLDER_THAN];
                problems.push(FieldError::not_supported(field, self.matching, &valid));
            }
            if !self.token.is_empty() {
                problems.push(forbidden(
                    "resourceVersionMatch is forbidden when continue is provided",
                ));
            }
        }
        problems
    }
}
