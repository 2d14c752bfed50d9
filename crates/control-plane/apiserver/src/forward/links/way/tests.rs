use super::Way;

const WAY: Way<'_> = Way {
    prefix: "/api/v1/namespaces/n/pods/p/proxy",
    authority: "192.168.0.9:80",
    host: "localhost:6443",
};

fn check(address: &str, expected: &str) {
    let expected = expected.replace("PROXY", WAY.prefix);
    assert_eq!(WAY.of(address).as_deref(), Some(expected.as_str()));
}

#[test]
fn a_path_leads_through_the_proxy() {
    check("/", "PROXY/");
    check("/x/?q=//y#z", "PROXY/x/?q=//y#z");
}

#[test]
fn the_server_itself_is_behind_the_proxy_too() {
    check("http://192.168.0.9:80/x", "PROXY/x");
    check("//192.168.0.9:80/x", "PROXY/x");
}

#[test]
fn a_link_to_what_the_client_asked_keeps_its_name() {
    check("https://localhost:6443/x", "https://localhost:6443PROXY/x");
}

#[test]
fn who_is_on_the_way_already_stays() {
    check("/api/v1/namespaces/n/pods/p/proxy/x", "PROXY/x");
}

#[test]
fn what_leads_elsewhere_or_is_relative_stays() {
    for address in [
        "http://example.com/x",
        "//example.com/x",
        "http://192.168.0.9:80",
        "x/y",
        "#top",
        "mailto:a@b",
        "",
    ] {
        assert_eq!(WAY.of(address), None, "{address}");
    }
}
