use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::time::Duration;

use super::*;

const PATIENCE: Duration = Duration::from_secs(2);
const BRIDGE: &str = "br0";
/// An address of a pod, far from the bridge's network.
const POD: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 2);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

fn subnet() -> Cidr {
    Cidr::new(Ipv4Addr::new(192, 0, 2, 0), 24)
}

/// A link from the host to a namespace of its own, where it is called `eth0`.
fn link(host: &NetNs, name: &str) -> NetNs {
    let inside = NetNs::create().unwrap();
    let plug = || {
        let mut netlink = Netlink::open().unwrap();
        let veth = Veth {
            name,
            mac: None,
            peer_name: "eth0",
            peer_mac: None,
            peer_netns: Some(inside.as_fd()),
            mtu: None,
        };
        netlink.create_veth(&veth).unwrap();
        let link = netlink.link(name).unwrap().unwrap();
        netlink.set_up(link.index).unwrap();
    };
    host.run(plug).unwrap();
    inside
}

fn node(host: &NetNs, number: u32) -> NetNs {
    let name = format!("node{number}");
    let netns = link(host, &name);
    let join = || {
        let mut netlink = Netlink::open().unwrap();
        let change = LinkChange {
            master: Some(index(&mut netlink, BRIDGE).unwrap()),
            ..LinkChange::default()
        };
        let link = index(&mut netlink, &name).unwrap();
        netlink.change_link(link, change).unwrap();
    };
    host.run(join).unwrap();
    let own = subnet().address(number + 1);
    netns.run(|| configure(subnet(), own).unwrap()).unwrap();
    netns
}

/// A host whose rules see what crosses its bridge.
fn host() -> NetNs {
    let netns = NetNs::create().unwrap();
    let make = || {
        let mut netlink = Netlink::open().unwrap();
        netlink.create_bridge(BRIDGE).unwrap();
        let bridge = index(&mut netlink, BRIDGE).unwrap();
        let own = Address {
            ip: subnet().address(1).into(),
            prefix: subnet().prefix(),
        };
        netlink.add_address(bridge, own).unwrap();
        netlink.set_up(bridge).unwrap();
        set_sysctl(FORWARDING, "1").unwrap();
        // Where the module is missing, the rules do not see it, and nothing can go wrong.
        let _ = set_sysctl("net/bridge/bridge-nf-call-iptables", "1");
        egress("egress", BRIDGE, subnet()).unwrap();
    };
    netns.run(make).unwrap();
    netns
}

/// Tells whoever connects which address it comes from.
fn serve(netns: &NetNs, ip: Ipv4Addr) -> SocketAddr {
    let listener = netns.run(|| TcpListener::bind((ip, 0)).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, peer) = listener.accept().unwrap();
        write!(stream, "{}", peer.ip()).unwrap();
    });
    address
}

fn ask(netns: &NetNs, to: SocketAddr) -> String {
    let connect = || {
        let mut stream = TcpStream::connect_timeout(&to, PATIENCE).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    netns.run(connect).unwrap()
}

/// Gives a link of a namespace an address.
fn address(netns: &NetNs, name: &str, ip: Ipv4Addr, prefix: u8) {
    let add = || {
        let mut netlink = Netlink::open().unwrap();
        let link = index(&mut netlink, name).unwrap();
        let ip = ip.into();
        netlink.add_address(link, Address { ip, prefix }).unwrap();
        netlink.set_up(link).unwrap();
    };
    netns.run(add).unwrap();
}

#[test]
fn only_what_leaves_the_bridge_carries_the_hosts_address() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root");
        return;
    }
    let host = host();
    let (one, two) = (node(&host, 1), node(&host, 2));
    address(&two, "lo", POD, 32);
    let to_pod = || {
        let mut netlink = Netlink::open().unwrap();
        let route = Route {
            destination: Address {
                ip: POD.into(),
                prefix: 32,
            },
            hop: Hop::Gateway(subnet().address(3).into()),
            source: None,
            protocol: 0,
        };
        netlink.replace_route(&route).unwrap();
    };
    one.run(to_pod).unwrap();
    let outside = link(&host, "out");
    address(&host, "out", Ipv4Addr::new(198, 51, 100, 1), 24);
    address(&outside, "eth0", OUTSIDE, 24);
    assert_eq!(ask(&one, serve(&two, POD)), "192.0.2.2");
    assert_eq!(ask(&one, serve(&outside, OUTSIDE)), "198.51.100.1");
}

#[test]
fn links_go_with_their_bridge_although_the_namespaces_behind_them_stay() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root");
        return;
    }
    let host = NetNs::create().unwrap();
    let make = || {
        let mut netlink = Netlink::open().unwrap();
        netlink.create_bridge("st0a1b2c-0").unwrap();
    };
    host.run(make).unwrap();
    let names = ["st0a1b2c-1", "st0a1b2c-12", "st0a1b2c-x", "st0a1b2d-1"];
    let _kept = names.map(|name| link(&host, name));
    let name = "st0a1b2c-0".to_owned();
    let undo = || super::super::undo(&Entry::Link { name }, std::path::Path::new("/"));
    host.run(undo).unwrap().unwrap();
    let left = || Netlink::open().unwrap().links().unwrap();
    let left = host.run(left).unwrap();
    let left: Vec<_> = left.into_iter().map(|link| link.name).collect();
    assert_eq!(left, ["lo", "st0a1b2c-x", "st0a1b2d-1"]);
}
