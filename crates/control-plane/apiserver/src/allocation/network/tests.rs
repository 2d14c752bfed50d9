use super::Network;

#[test]
fn knows_its_addresses() {
    let network = Network::parse("10.96.0.7/16").expect("valid");
    assert_eq!(network.to_string(), "10.96.0.0/16");
    assert_eq!(network.usable(), 65_534);
    assert_eq!(network.address(0).to_string(), "10.96.0.1");
    let usable = |text: &str| network.is_usable(text.parse().expect("an address"));
    assert!(usable("10.96.0.1") && usable("10.96.255.254"));
    assert!(!usable("10.96.0.0") && !usable("10.96.255.255") && !usable("10.97.0.1"));
}

#[test]
fn knows_the_other_family() {
    let network = Network::parse("fd00:10::/112").expect("valid");
    assert_eq!(network.usable(), 65_535);
    assert_eq!(network.address(9).to_string(), "fd00:10::a");
    assert!(Network::parse("10.0.0.0/33").is_none() && Network::parse("x").is_none());
}
