//! A test bed of network namespaces: nodes on a bridge, pods wired by the plugin itself.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use styr_kernel::netlink::{Address, LinkChange, Netlink, Veth};
use styr_kernel::netns::NetNs;

/// Far more than a namespace needs, far less than a test run.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether this machine lets tests make namespaces.
pub(crate) fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: needs root");
    }
    root
}

/// A node: a namespace with an address on the bridge, and a folder for the plugin's state.
pub(crate) struct Node {
    pub(crate) netns: NetNs,
    pub(crate) address: Ipv4Addr,
    pub(crate) pod_cidr: String,
    pub(crate) folder: PathBuf,
}

/// A pod as the plugin wired it.
pub(crate) struct Pod {
    pub(crate) netns: NetNs,
    pub(crate) id: String,
    pub(crate) address: Ipv4Addr,
}

/// A bridge in a namespace of its own, at 192.0.2.254.
pub(crate) fn bridge() -> NetNs {
    let netns = NetNs::create().unwrap();
    netns
        .run(|| {
            let mut netlink = Netlink::open().unwrap();
            netlink.set_up(1).unwrap();
            netlink.create_bridge("br0").unwrap();
            let link = netlink.link("br0").unwrap().unwrap();
            netlink.set_up(link.index).unwrap();
            let address = address_of(Ipv4Addr::new(192, 0, 2, 254), 24);
            netlink.add_address(link.index, address).unwrap();
        })
        .unwrap();
    netns
}

pub(crate) fn address_of(ip: Ipv4Addr, prefix: u8) -> Address {
    let ip = IpAddr::from(ip);
    Address { ip, prefix }
}

impl Node {
    /// Node `number` on the bridge, at 192.0.2.NUMBER, with pods in 10.244.NUMBER.0/24.
    pub(crate) fn new(bridge: &NetNs, number: u8) -> Self {
        let netns = NetNs::create().unwrap();
        let port = format!("port{number}");
        bridge
            .run(|| {
                let mut netlink = Netlink::open().unwrap();
                netlink
                    .create_veth(&Veth {
                        name: &port,
                        mac: None,
                        peer_name: "eth0",
                        peer_mac: None,
                        peer_netns: Some(netns.as_fd()),
                        mtu: None,
                    })
                    .unwrap();
                let master = netlink.link("br0").unwrap().unwrap().index;
                let link = netlink.link(&port).unwrap().unwrap();
                let change = LinkChange {
                    up: true,
                    master: Some(master),
                    ..LinkChange::default()
                };
                netlink.change_link(link.index, change).unwrap();
            })
            .unwrap();
        let address = Ipv4Addr::new(192, 0, 2, number);
        netns
            .run(|| {
                let mut netlink = Netlink::open().unwrap();
                netlink.set_up(1).unwrap();
                let link = netlink.link("eth0").unwrap().unwrap();
                netlink.set_up(link.index).unwrap();
                netlink
                    .add_address(link.index, address_of(address, 24))
                    .unwrap();
                crate::agent::allow_forwarding_for_tests();
            })
            .unwrap();
        Self {
            netns,
            address,
            pod_cidr: format!("10.244.{number}.0/24"),
            folder: tempfile::tempdir().unwrap().keep(),
        }
    }

    /// Calls the plugin on this node.
    pub(crate) fn call(&self, command: &str, pod: &Pod, more: &Value) -> Result<Value, Value> {
        let netns = format!("/proc/self/fd/{}", pod.netns.as_fd().as_raw_fd());
        let environment: BTreeMap<String, String> = [
            ("CNI_COMMAND", command),
            ("CNI_CONTAINERID", &pod.id),
            ("CNI_NETNS", &netns),
            ("CNI_IFNAME", "eth0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let mut config = json!({
            "cniVersion": "1.1.0",
            "name": "styr",
            "type": "styr",
            "podCidr": self.pod_cidr,
            "stateFolder": self.folder,
        });
        let fields = config.as_object_mut().unwrap();
        fields.extend(more.as_object().cloned().unwrap_or_default());
        let input = serde_json::to_vec(&config).unwrap();
        self.netns
            .run(|| crate::cni::answer_for_tests(&environment, &input))
            .unwrap()
    }

    /// A pod on this node.
    pub(crate) fn pod(&self, id: &str, more: &Value) -> Pod {
        let mut pod = Pod {
            netns: NetNs::create().unwrap(),
            id: id.to_owned(),
            address: Ipv4Addr::UNSPECIFIED,
        };
        let result = self.call("ADD", &pod, more).unwrap();
        let address = result["ips"][0]["address"].as_str().unwrap();
        pod.address = address.strip_suffix("/32").unwrap().parse().unwrap();
        pod
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Listens in a namespace; a connection is answered with the client's address as seen here.
pub(crate) fn serve(netns: &NetNs, port: u16) {
    let bind = || TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
    let listener = netns.run(bind).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let peer = stream.peer_addr().unwrap();
            write!(stream, "{}", peer.ip()).unwrap();
        }
    });
}

/// Connects from a namespace; what the server said, or the error.
pub(crate) fn ask(netns: &NetNs, to: (Ipv4Addr, u16)) -> std::io::Result<String> {
    let connect = || -> std::io::Result<String> {
        let to = SocketAddr::from(to);
        let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    netns.run(connect).unwrap()
}
