use std::net::IpAddr;
use std::os::fd::AsFd;

use super::*;
use crate::netns::NetNs;

fn scratch() -> Option<NetNs> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: needs root");
        return None;
    }
    Some(NetNs::create().unwrap())
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_veth_pair_reaches_into_another_namespace() {
    let (Some(node), Some(pod)) = (scratch(), scratch()) else {
        return;
    };
    let mac = Mac([0xee; 6]);
    node.run(|| {
        let mut netlink = Netlink::open().unwrap();
        let veth = Veth {
            name: "st1",
            mac: Some(mac),
            peer_name: "eth0",
            peer_mac: None,
            peer_netns: Some(pod.as_fd()),
            mtu: Some(1400),
        };
        netlink.create_veth(&veth).unwrap();
        let again = netlink.create_veth(&veth).unwrap_err();
        assert!(again.is_exists(), "{again}");
        let link = netlink.link("st1").unwrap().unwrap();
        assert_eq!(
            (link.mac, link.mtu, link.kind.as_str()),
            (Some(mac), 1400, "veth")
        );
        netlink.set_up(link.index).unwrap();
        let route = Route {
            destination: Address {
                ip: ip("10.0.0.7"),
                prefix: 32,
            },
            hop: Hop::Link(link.index),
            source: None,
            protocol: 0,
        };
        netlink.replace_route(&route).unwrap();
        netlink.replace_route(&route).unwrap();
        let neighbour = Neighbour {
            link: link.index,
            ip: ip("10.0.0.7"),
            mac,
        };
        netlink.set_neighbour(&neighbour).unwrap();
        let listed = netlink.routes(Family::V4).unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].hop, route.hop);
        assert_eq!(netlink.route_to(ip("10.0.0.7")).unwrap().hop, route.hop);
        netlink.delete_route(&route).unwrap();
        assert!(netlink.delete_route(&route).unwrap_err().is_missing());
        netlink.delete_link(link.index).unwrap();
        assert_eq!(netlink.link("st1").unwrap(), None);
    })
    .unwrap();
}

#[test]
fn addresses_bridges_and_vxlan_devices_can_be_made() {
    let Some(node) = scratch() else { return };
    node.run(|| {
        let mut netlink = Netlink::open().unwrap();
        netlink.create_bridge("br0").unwrap();
        let bridge = netlink.link("br0").unwrap().unwrap();
        let address = Address {
            ip: ip("192.0.2.1"),
            prefix: 24,
        };
        netlink.add_address(bridge.index, address).unwrap();
        netlink.add_address(bridge.index, address).unwrap();
        netlink.set_up(bridge.index).unwrap();
        let listed = netlink.addresses().unwrap();
        assert!(listed.iter().any(|entry| entry.address == address));
        let vxlan = Vxlan {
            name: "st-vxlan",
            mac: Mac([2, 0x53, 192, 0, 2, 1]),
            id: 4096,
            port: 4789,
            local: ip("192.0.2.1"),
            link: Some(bridge.index),
            mtu: 1450,
        };
        netlink.create_vxlan(&vxlan).unwrap();
        let link = netlink.link("st-vxlan").unwrap().unwrap();
        assert_eq!((link.kind.as_str(), link.mtu), ("vxlan", 1450));
        netlink.set_up(link.index).unwrap();
        let entry = Neighbour {
            link: link.index,
            ip: ip("192.0.2.9"),
            mac: Mac([2, 0, 0, 0, 0, 9]),
        };
        netlink.set_forwarding(&entry).unwrap();
        let remote = Route {
            destination: Address {
                ip: ip("10.9.0.0"),
                prefix: 24,
            },
            hop: Hop::OnLink(ip("10.9.0.0"), link.index),
            source: None,
            protocol: 0,
        };
        netlink.replace_route(&remote).unwrap();
        let listed = netlink.routes(Family::V4).unwrap();
        assert!(listed.iter().any(|route| route.hop == remote.hop));
        netlink.delete_forwarding(link.index, entry.mac).unwrap();
        let gone = netlink.add_address(9999, address).unwrap_err();
        assert!(gone.is_missing(), "{gone}");
    })
    .unwrap();
}
