//! All certificates and kubeconfigs of a cluster, with the names that kubeadm gives them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use styr_pki::kubeconfig::Credentials;
use styr_pki::{Authority, KeyPair, Kubeconfig, Profile, Usage, service_account};

use crate::api::write_private;
use crate::config::Config;
use crate::manifests;

/// The authority that signs for the cluster, and what only the tool needs.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) authority: Authority,
    /// A member of system:masters.
    pub(crate) admin: KeyPair,
}

/// The authorities of a cluster.
struct Authorities {
    kubernetes: Authority,
    etcd: Authority,
    front_proxy: Authority,
}

/// A certificate to write: its name below `pki`, who issues it, and what it says.
type Certificate<'a> = (&'static str, &'a Authority, Profile);

/// Writes everything that the control plane's node needs below `/etc/kubernetes`.
pub(crate) fn write(
    root: &Path,
    config: &Config,
    (address, host): (Ipv4Addr, IpAddr),
    now: Timestamp,
) -> Result<Keys> {
    let folder = root.join("etc/kubernetes");
    let pki = folder.join("pki");
    fs::create_dir_all(pki.join("etcd")).context("could not make the folder of the keys")?;
    let authorities = write_authorities(&pki, now)?;
    for (name, issuer, profile) in certificates(&authorities, config, (address, host)) {
        write_pair(&pki, name, &issuer.issue(&profile, now)?)?;
    }
    let (private, public) = service_account::generate()?;
    write_private(&pki.join("sa.key"), &private)?;
    fs::write(pki.join("sa.pub"), public).context("could not write sa.pub")?;
    let authority = authorities.kubernetes;
    write_kubeconfigs(&folder, (&authority, address), config, now)?;
    let admin = Profile::client("kubernetes-admin", Some("system:masters"));
    Ok(Keys {
        admin: authority.issue(&admin, now)?,
        authority,
    })
}

fn write_authorities(pki: &Path, now: Timestamp) -> Result<Authorities> {
    let authorities = Authorities {
        kubernetes: Authority::generate("kubernetes", now)?,
        etcd: Authority::generate("etcd-ca", now)?,
        front_proxy: Authority::generate("front-proxy-ca", now)?,
    };
    for (name, authority) in [
        ("ca", &authorities.kubernetes),
        ("etcd/ca", &authorities.etcd),
        ("front-proxy-ca", &authorities.front_proxy),
    ] {
        let pair = KeyPair {
            certificate_pem: authority.certificate_pem().to_owned(),
            key_pem: authority.key_pem(),
        };
        write_pair(pki, name, &pair)?;
    }
    Ok(authorities)
}

fn certificates<'a>(
    authorities: &'a Authorities,
    config: &Config,
    (address, host): (Ipv4Addr, IpAddr),
) -> [Certificate<'a>; 5] {
    let Authorities {
        kubernetes,
        etcd,
        front_proxy,
    } = authorities;
    let node = &config.control_plane().name;
    let names = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "localhost",
        node,
    ];
    let service = manifests::kubernetes_address(config);
    let mut addresses: Vec<IpAddr> = vec![service.into(), address.into(), host];
    addresses.push(Ipv4Addr::LOCALHOST.into());
    addresses.dedup();
    let local = [address.into(), Ipv4Addr::LOCALHOST.into()];
    let of_store = Profile {
        usage: Usage::Both,
        ..Profile::server(node, &["localhost", node], &local)
    };
    let to_kubelet = "kube-apiserver-kubelet-client";
    let to_store = "kube-apiserver-etcd-client";
    let admins = Some("kubeadm:cluster-admins");
    [
        (
            "apiserver",
            kubernetes,
            Profile::server("kube-apiserver", &names, &addresses),
        ),
        (
            "apiserver-kubelet-client",
            kubernetes,
            Profile::client(to_kubelet, admins),
        ),
        (
            "apiserver-etcd-client",
            etcd,
            Profile::client(to_store, None),
        ),
        ("etcd/server", etcd, of_store),
        (
            "front-proxy-client",
            front_proxy,
            Profile::client("front-proxy-client", None),
        ),
    ]
}

/// The kubeconfigs of the control plane's programs and of its administrators.
fn write_kubeconfigs(
    folder: &Path,
    (authority, address): (&Authority, Ipv4Addr),
    config: &Config,
    now: Timestamp,
) -> Result<()> {
    let server = format!("https://{address}:6443");
    let node_user = format!("system:node:{}", config.control_plane().name);
    let manager = "system:kube-controller-manager";
    let clients = [
        (
            "admin.conf",
            "kubernetes-admin",
            Some("kubeadm:cluster-admins"),
        ),
        (
            "super-admin.conf",
            "kubernetes-super-admin",
            Some("system:masters"),
        ),
        ("controller-manager.conf", manager, None),
        ("scheduler.conf", "system:kube-scheduler", None),
        ("kubelet.conf", &node_user, Some("system:nodes")),
    ];
    for (file, user, group) in clients {
        let pair = authority.issue(&Profile::client(user, group), now)?;
        let kubeconfig = client(authority, (&config.name, user), &server, pair.into());
        write_private(&folder.join(file), &kubeconfig.to_text())?;
    }
    Ok(())
}

/// Writes what a node that joins needs: the authority, and a token to ask with.
pub(crate) fn write_joining(
    root: &Path,
    cluster: &str,
    authority: &Authority,
    (server, token): (&str, String),
) -> Result<()> {
    let folder = root.join("etc/kubernetes");
    fs::write(folder.join("pki/ca.crt"), authority.certificate_pem())
        .context("could not write ca.crt")?;
    let user = "tls-bootstrap-token-user";
    let kubeconfig = client(
        authority,
        (cluster, user),
        server,
        Credentials::Token(token),
    );
    write_private(
        &folder.join("bootstrap-kubelet.conf"),
        &kubeconfig.to_text(),
    )
}

/// A kubeconfig of one user.
pub(crate) fn client(
    authority: &Authority,
    (name, user): (&str, &str),
    server: &str,
    credentials: Credentials,
) -> Kubeconfig {
    Kubeconfig {
        name: name.to_owned(),
        user: user.to_owned(),
        server: server.to_owned(),
        authority_pem: authority.certificate_pem().to_owned(),
        credentials,
    }
}

fn write_pair(pki: &Path, name: &str, pair: &KeyPair) -> Result<()> {
    fs::write(pki.join(format!("{name}.crt")), &pair.certificate_pem)
        .with_context(|| format!("could not write {name}.crt"))?;
    write_private(&pki.join(format!("{name}.key")), &pair.key_pem)
}
