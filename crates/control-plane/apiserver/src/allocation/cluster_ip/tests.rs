use std::collections::HashSet;

use super::{Addresses, Refused};
use crate::allocation::network::Network;

fn addresses(text: &str) -> Addresses {
    Addresses::new(Network::parse(text).expect("valid"))
}

#[test]
fn gives_each_address_once_until_none_is_left() {
    let addresses = addresses("10.0.0.0/28");
    let given: HashSet<_> = (0..14)
        .map(|_| addresses.take_any().expect("room"))
        .collect();
    assert_eq!(given.len(), 14);
    assert_eq!(addresses.take_any(), Err(Refused::Full));
    let one = *given.iter().next().expect("some");
    addresses.give_back(one);
    assert_eq!(addresses.take_any(), Ok(one));
}

#[test]
fn refuses_what_is_taken_or_elsewhere() {
    let addresses = addresses("10.0.0.0/24");
    let at = |text: &str| addresses.take(text.parse().expect("an address"));
    assert_eq!(at("10.0.0.1"), Ok(()));
    assert_eq!(at("10.0.0.1"), Err(Refused::Taken));
    assert!(matches!(at("10.0.1.1"), Err(Refused::OutOfRange)));
}
