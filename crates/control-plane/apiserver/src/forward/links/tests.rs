use super::{Way, html};

fn check(page: &str, expected: &str) {
    let way = Way {
        prefix: "/api/v1/namespaces/n/pods/p/proxy",
        authority: "192.168.0.9:80",
    };
    let changed = String::from_utf8(html(page.as_bytes(), way)).unwrap();
    assert_eq!(changed, expected.replace("PROXY", way.prefix));
}

#[test]
fn a_path_leads_through_the_proxy() {
    check(r#"<a href="/x">x</a>"#, r#"<a href="PROXY/x">x</a>"#);
    check("<IMG class=a SRC='/x' >", "<IMG class=a SRC='PROXY/x' >");
    check("<a href=/x>x</a>", "<a href=PROXY/x>x</a>");
}

#[test]
fn the_server_itself_is_behind_the_proxy_too() {
    check(
        r#"<a href="http://192.168.0.9:80/x">"#,
        r#"<a href="PROXY/x">"#,
    );
}

#[test]
fn what_leads_elsewhere_or_is_relative_stays() {
    for page in [
        r#"<a href="http://example.com/x">"#,
        r#"<a href="//example.com/x">"#,
        r#"<a href="x/y">"#,
        r##"<a href="#top">"##,
        r#"<a href="/api/v1/namespaces/n/pods/p/proxy/x">"#,
    ] {
        check(page, page);
    }
}

#[test]
fn text_and_other_attributes_stay() {
    for page in [
        r#"<p title="/x">a = "/x" &lt; <b>href="/x"</b>"#,
        r#"a < b and href="/x""#,
        r#"<a href="/never ends"#,
        "<",
    ] {
        let broken = page.starts_with("<a href");
        if broken {
            check(page, r#"<a href="PROXY/never ends"#);
        } else {
            check(page, page);
        }
    }
}
