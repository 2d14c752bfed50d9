use super::{Ports, Refused};

#[test]
fn gives_each_port_once() {
    let ports = Ports::new((30_000, 30_003));
    let mut given: Vec<u16> = (0..4)
        .map(|_| ports.take_any("TCP").expect("room"))
        .collect();
    given.sort_unstable();
    assert_eq!(given, [30_000, 30_001, 30_002, 30_003]);
    assert_eq!(ports.take_any("UDP"), Err(Refused::Full));
}

#[test]
fn a_port_can_be_asked_for_once_per_protocol() {
    let ports = Ports::new((30_000, 32_767));
    assert_eq!(ports.take(30_053, "TCP"), Ok(()));
    assert_eq!(ports.take(30_053, "UDP"), Ok(()));
    assert_eq!(ports.take(30_053, "TCP"), Err(Refused::Taken));
    assert_eq!(
        ports.take(80, "TCP"),
        Err(Refused::OutOfRange(30_000, 32_767))
    );
    ports.give_back(30_053, "TCP");
    assert_eq!(ports.take(30_053, "TCP"), Ok(()));
}
