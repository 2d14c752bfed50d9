use super::*;

fn parsed(text: &str) -> Option<(String, u16, bool)> {
    let address = Address::parse(text).ok()?;
    Some((address.host, address.port, address.is_tls))
}

#[test]
fn an_address_has_a_scheme_a_host_and_a_port() {
    let of = |host: &str, port, is_tls| Some((host.to_owned(), port, is_tls));
    assert_eq!(parsed("https://etcd-0:2379"), of("etcd-0", 2379, true));
    assert_eq!(parsed("http://127.0.0.1:1/"), of("127.0.0.1", 1, false));
    assert_eq!(parsed("https://[::1]:2379"), of("::1", 2379, true));
    assert_eq!(parsed("etcd-0:2379"), of("etcd-0", 2379, false));
}

#[test]
fn what_is_no_address_is_refused() {
    for text in [
        "",
        "unix:///run/etcd.sock",
        "https://etcd-0",
        "https://:1",
        "http://a:70000",
    ] {
        assert_eq!(parsed(text), None, "{text}");
    }
}
