//! A test bed: two nodes on a bridge, with pods behind routed links.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::time::Duration;

use styr_kernel::netlink::{Address, Hop, LinkChange, Mac, Neighbour, Netlink, Route, Veth};
use styr_kernel::netns::{NetNs, set_sysctl};

/// Far more than a namespace needs, far less than a test run.
const PATIENCE: Duration = Duration::from_secs(2);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
const HOST_MAC: Mac = Mac([0xee; 6]);
const POD_MAC: Mac = Mac([2, 0, 0, 0, 0, 7]);

/// Whether this machine lets tests make namespaces.
pub(crate) fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: needs root");
    }
    root
}

/// A client at 192.0.2.254, nodes at 192.0.2.1 and .2, two pods on each: 10.244.NODE.2 and .3.
pub(crate) struct Bed {
    pub(crate) outside: NetNs,
    pub(crate) nodes: [NetNs; 2],
    pub(crate) pods: [[NetNs; 2]; 2],
}

pub(crate) fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn address(ip: Ipv4Addr, prefix: u8) -> Address {
    let ip = IpAddr::from(ip);
    Address { ip, prefix }
}

fn route(destination: Address, hop: Hop) -> Route {
    Route {
        destination,
        hop,
        source: None,
        protocol: 0,
    }
}

impl Bed {
    pub(crate) fn new() -> Self {
        let outside = bridge();
        let nodes = [node(&outside, 1), node(&outside, 2)];
        let pods = [1_u8, 2].map(|number| {
            let node = &nodes[usize::from(number) - 1];
            [2, 3].map(|last| pod(node, Ipv4Addr::new(10, 244, number, last)))
        });
        Self {
            outside,
            nodes,
            pods,
        }
    }

    /// Whoever is at the end of the nodes' default route answers for 10.96.0.0/14, port 8080.
    pub(crate) fn add_stranger(&self) {
        ip_route(&self.outside, "add local 10.96.0.0/14 dev lo");
        for (node, pods) in [
            ("192.0.2.1", "10.244.1.0/24"),
            ("192.0.2.2", "10.244.2.0/24"),
        ] {
            ip_route(&self.outside, &format!("add {pods} via {node}"));
        }
        serve(&self.outside, 8080, "stranger");
    }
}

/// Runs `ip route` in a namespace.
pub(crate) fn ip_route(netns: &NetNs, arguments: &str) {
    let mut ip = Command::new("ip");
    ip.arg("route").args(arguments.split(' '));
    assert!(netns.run(|| ip.status()).unwrap().unwrap().success());
}

fn bridge() -> NetNs {
    let netns = NetNs::create().unwrap();
    let make = || {
        let mut netlink = Netlink::open().unwrap();
        netlink.set_up(1).unwrap();
        netlink.create_bridge("br0").unwrap();
        let link = netlink.link("br0").unwrap().unwrap();
        netlink.set_up(link.index).unwrap();
        let own = address(ip("192.0.2.254"), 24);
        netlink.add_address(link.index, own).unwrap();
        // External addresses of services are routed to the second node.
        let external = route(
            address(ip("203.0.113.0"), 24),
            Hop::Gateway(ip("192.0.2.2").into()),
        );
        netlink.replace_route(&external).unwrap();
    };
    netns.run(make).unwrap();
    netns
}

fn node(bridge: &NetNs, number: u8) -> NetNs {
    let netns = NetNs::create().unwrap();
    let port = format!("port{number}");
    let plug = || {
        let mut netlink = Netlink::open().unwrap();
        let veth = Veth {
            name: &port,
            mac: None,
            peer_name: "eth0",
            peer_mac: None,
            peer_netns: Some(netns.as_fd()),
            mtu: None,
        };
        netlink.create_veth(&veth).unwrap();
        let change = LinkChange {
            up: true,
            master: Some(netlink.link("br0").unwrap().unwrap().index),
            ..LinkChange::default()
        };
        let link = netlink.link(&port).unwrap().unwrap();
        netlink.change_link(link.index, change).unwrap();
    };
    bridge.run(plug).unwrap();
    let set_up = || {
        let mut netlink = Netlink::open().unwrap();
        netlink.set_up(1).unwrap();
        let link = netlink.link("eth0").unwrap().unwrap();
        netlink.set_up(link.index).unwrap();
        let own = address(Ipv4Addr::new(192, 0, 2, number), 24);
        netlink.add_address(link.index, own).unwrap();
        let other = 3 - number;
        let peer = Hop::Gateway(Ipv4Addr::new(192, 0, 2, other).into());
        let pods = address(Ipv4Addr::new(10, 244, other, 0), 24);
        netlink.replace_route(&route(pods, peer)).unwrap();
        let out = Hop::Gateway(ip("192.0.2.254").into());
        let default = address(Ipv4Addr::UNSPECIFIED, 0);
        netlink.replace_route(&route(default, out)).unwrap();
        set_sysctl("net/ipv4/ip_forward", "1").unwrap();
    };
    netns.run(set_up).unwrap();
    netns
}

fn pod(node: &NetNs, own: Ipv4Addr) -> NetNs {
    let netns = NetNs::create().unwrap();
    let name = format!("pod{}", own.octets()[3]);
    let outer = || {
        let mut netlink = Netlink::open().unwrap();
        let veth = Veth {
            name: &name,
            mac: Some(HOST_MAC),
            peer_name: "eth0",
            peer_mac: Some(POD_MAC),
            peer_netns: Some(netns.as_fd()),
            mtu: None,
        };
        netlink.create_veth(&veth).unwrap();
        let link = netlink.link(&name).unwrap().unwrap().index;
        netlink.set_up(link).unwrap();
        let neighbour = Neighbour {
            link,
            ip: own.into(),
            mac: POD_MAC,
        };
        netlink.set_neighbour(&neighbour).unwrap();
        let to_pod = route(address(own, 32), Hop::Link(link));
        netlink.replace_route(&to_pod).unwrap();
    };
    node.run(outer).unwrap();
    let inner = || {
        let mut netlink = Netlink::open().unwrap();
        netlink.set_up(1).unwrap();
        let link = netlink.link("eth0").unwrap().unwrap().index;
        netlink.add_address(link, address(own, 32)).unwrap();
        netlink.set_up(link).unwrap();
        let neighbour = Neighbour {
            link,
            ip: GATEWAY.into(),
            mac: HOST_MAC,
        };
        netlink.set_neighbour(&neighbour).unwrap();
        let default = address(Ipv4Addr::UNSPECIFIED, 0);
        let hop = Hop::OnLink(GATEWAY.into(), link);
        netlink.replace_route(&route(default, hop)).unwrap();
    };
    netns.run(inner).unwrap();
    netns
}

/// Answers each TCP connection and each UDP packet with the server's name and the client's address.
pub(crate) fn serve(netns: &NetNs, port: u16, name: &'static str) {
    let any = (Ipv4Addr::UNSPECIFIED, port);
    let bind = || {
        (
            TcpListener::bind(any).unwrap(),
            UdpSocket::bind(any).unwrap(),
        )
    };
    let (listener, socket) = netns.run(bind).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let peer = stream.peer_addr().unwrap();
            // The client may have gone.
            let _ = write!(stream, "{name} {}", peer.ip());
        }
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(format!("{name} {}", peer.ip()).as_bytes(), peer);
        }
    });
}

/// Connects from a namespace; what the server said, or the error.
pub(crate) fn ask(netns: &NetNs, to: &str) -> std::io::Result<String> {
    let to: SocketAddr = to.parse().unwrap();
    let connect = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    netns.run(connect).unwrap()
}

/// A UDP socket in a namespace that talks to one address only.
pub(crate) fn udp(netns: &NetNs, to: &str) -> UdpSocket {
    let to: SocketAddr = to.parse().unwrap();
    let bind = || UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let socket = netns.run(bind).unwrap();
    socket.set_read_timeout(Some(PATIENCE / 4)).unwrap();
    netns.run(|| socket.connect(to).unwrap()).unwrap();
    socket
}

/// Sends a packet and waits for the answer.
pub(crate) fn exchange(socket: &UdpSocket) -> std::io::Result<String> {
    let mut buffer = [0; 64];
    socket.send(b"?")?;
    let length = socket.recv(&mut buffer)?;
    Ok(String::from_utf8(buffer[..length].to_vec()).unwrap())
}
