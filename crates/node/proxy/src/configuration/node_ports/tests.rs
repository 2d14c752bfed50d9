use super::*;

const NODE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn check(words: &[&str], bind_address: &str, expected: &[(Ipv4Addr, u8)]) {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let addresses = NodePortAddresses::read(&words, bind_address).unwrap();
    assert_eq!(addresses.networks(Some(NODE)), expected, "{words:?}");
}

#[test]
fn nothing_said_means_the_address_of_the_node() {
    check(&[], "0.0.0.0", &[(NODE, 32)]);
    check(&["primary"], "", &[(NODE, 32)]);
    let other = Ipv4Addr::new(192, 0, 2, 7);
    check(&[], "192.0.2.7", &[(other, 32)]);
}

#[test]
fn words_and_networks_add_up() {
    let network = (Ipv4Addr::new(10, 0, 0, 0), 8);
    check(&["10.0.0.0/8"], "", &[network]);
    check(&["10.0.0.0/8", "primary"], "", &[network, (NODE, 32)]);
    check(&["localhost"], "", &[LOOPBACK]);
}

#[test]
fn what_includes_everything_means_everywhere() {
    check(&["all"], "", &[]);
    check(&["10.0.0.0/8", "0.0.0.0/0"], "", &[]);
    // Upstream's rule for a list that has none of the family.
    check(&["fd00::/64"], "", &[]);
}

#[test]
fn a_word_that_is_no_network_is_refused() {
    let error = NodePortAddresses::read(&["eth0".to_owned()], "").unwrap_err();
    assert!(format!("{error:#}").contains("eth0"), "{error:#}");
}
