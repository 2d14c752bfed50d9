//! The page that people see.

use std::fmt::Write as _;

use crate::api::Listing;
use crate::settings::Identity;

const STYLE: &str = "body{font:16px sans-serif;max-width:40em;margin:2em auto}li{margin:.4em 0}\
    form.one{display:inline}footer{color:#777;font-size:80%}";

/// All notes, a form for a new one, and who made the page.
pub(crate) fn page(title: &str, listing: &Listing, identity: &Identity) -> String {
    let title = escaped(title);
    let mut page = format!(
        "<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>\
         <h1>{title}</h1><form method=post action=/notes>\
         <input name=text size=50 maxlength=1000 required autofocus> <button>Add</button></form><ul>"
    );
    for note in &listing.notes {
        let (id, created, text) = (note.id, note.created, escaped(&note.text));
        // Writing to memory does not fail.
        let _ = write!(
            page,
            "\n<li title=\"{created}\">{text} <form class=one method=post \
             action=/notes/{id}/delete><button>x</button></form>"
        );
    }
    let _ = writeln!(
        page,
        "\n</ul><footer>web {} by {} on {}; notes {} by {}</footer>",
        escaped(&identity.version),
        escaped(&identity.pod),
        escaped(&identity.node),
        escaped(&listing.version),
        escaped(&listing.served_by),
    );
    page
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests;
