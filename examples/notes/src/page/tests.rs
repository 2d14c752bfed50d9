use jiff::Timestamp;

use super::*;
use crate::notes::Note;

fn identity(pod: &str) -> Identity {
    Identity {
        version: "v1".into(),
        pod: pod.into(),
        node: "kind-worker".into(),
    }
}

fn listing(text: &str) -> Listing {
    Listing {
        served_by: "notes-api-0".into(),
        version: "v2".into(),
        notes: vec![Note {
            id: 7,
            created: Timestamp::UNIX_EPOCH,
            text: text.into(),
        }],
    }
}

#[test]
fn says_who_made_it() {
    let page = page("Notes", &listing("milk"), &identity("notes-web-0"));
    assert!(page.contains("web v1 by notes-web-0 on kind-worker; notes v2 by notes-api-0"));
}

#[test]
fn shows_a_note_as_text_even_if_it_is_markup() {
    let page = page("Notes", &listing("<script>'&\""), &identity("web"));
    assert!(page.contains("&lt;script&gt;&#39;&amp;&quot;"));
    assert!(!page.contains("<script>"));
}
