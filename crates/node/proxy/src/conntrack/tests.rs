use super::*;

const ENDPOINT: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 244, 1, 2), 8080);
const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

fn contribution(answering: &[SocketAddrV4]) -> Contribution {
    let fronts = [(Some(SERVICE), 80), (None, 30080)];
    Contribution {
        udp: fronts.map(|front| (front, answering.to_vec())).into(),
        ..Contribution::default()
    }
}

fn check(old: &Contribution, new: &Contribution, expected: &[(Option<Ipv4Addr>, u16)]) {
    let mut found = Suspects::new();
    suspects(old, new, &mut found);
    let fronts: Vec<_> = found.keys().copied().collect();
    assert_eq!(fronts, expected);
}

#[test]
fn an_endpoint_that_comes_first_or_goes_makes_flows_suspect() {
    let (with, without) = (contribution(&[ENDPOINT]), contribution(&[]));
    let both = [(None, 30080), (Some(SERVICE), 80)];
    check(&without, &with, &both);
    check(&Contribution::default(), &with, &both);
    check(&with, &with, &[]);
}

#[test]
fn a_node_port_without_endpoints_leaves_the_flows_of_others() {
    let (with, without) = (contribution(&[ENDPOINT]), contribution(&[]));
    check(&with, &without, &[(Some(SERVICE), 80)]);
    check(&with, &Contribution::default(), &[(Some(SERVICE), 80)]);
}
