use super::{Way, rewritten};

fn check(page: &str, expected: &str) {
    let way = Way {
        prefix: "/api/v1/namespaces/n/pods/p/proxy",
        authority: "192.168.0.9:80",
        host: "localhost:6443",
    };
    let changed = String::from_utf8(rewritten(page.as_bytes(), way)).unwrap();
    assert_eq!(changed, expected.replace("PROXY", way.prefix));
}

#[test]
fn an_address_leads_through_the_proxy_however_it_is_written() {
    check(r#"<a href="/x">x</a>"#, r#"<a href="PROXY/x">x</a>"#);
    check("<IMG class=a SRC='/x' >", "<IMG class=a SRC='PROXY/x' >");
    check("<a href=/x>x</a>", "<a href=PROXY/x>x</a>");
    check("<a href = \"/x\">", "<a href = \"PROXY/x\">");
    check(
        r#"<a title="a > b" href="/x"/>"#,
        r#"<a title="a > b" href="PROXY/x"/>"#,
    );
}

#[test]
fn an_attribute_is_an_address_on_its_own_tags_only() {
    check(
        r#"<video src="/x" poster="/y">"#,
        r#"<video src="PROXY/x" poster="PROXY/y">"#,
    );
    for page in [r#"<p href="/x">"#, r#"<a src="/x" data-href="/x">"#] {
        check(page, page);
    }
}

#[test]
fn text_is_not_markup() {
    for page in [
        r#"<p title="/x">a = "/x" &lt; <b>href="/x"</b>"#,
        r#"a < b and href="/x""#,
        r#"<!-- <a href="/x"> -->"#,
        r#"<style><a href="/x"></style>"#,
        r#"<a href="/never ends"#,
        "<",
    ] {
        check(page, page);
    }
}

#[test]
fn a_script_is_found_and_left_as_it_is() {
    check(
        r#"<script src="/x">a("</p><a href='/y'>")</script><a href="/z">"#,
        r#"<script src="PROXY/x">a("</p><a href='/y'>")</script><a href="PROXY/z">"#,
    );
}
