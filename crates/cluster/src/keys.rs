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
    let authority = Authority::generate("kubernetes", now)?;
    let etcd = Authority::generate("etcd-ca", now)?;
    let proxy = Authority::generate("front-proxy-ca", now)?;
    for (name, authority) in [
        ("ca", &authority),
        ("etcd/ca", &etcd),
        ("front-proxy-ca", &proxy),
    ] {
        let pair = KeyPair {
            certificate_pem: authority.certificate_pem().to_owned(),
            key_pem: authority.key_pem(),
        };
        write_pair(&pki, name, &pair)?;
    }
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
    let both = |profile: Profile| Profile {
        usage: Usage::Both,
        ..profile
    };
    let local = [address.into(), Ipv4Addr::LOCALHOST.into()];
    let pairs = [
        (
            "apiserver",
            &authority,
            Profile::server("kube-apiserver", &names, &addresses),
        ),
        (
            "apiserver-kubelet-client",
            &authority,
            Profile::client(
                "kube-apiserver-kubelet-client",
                Some("kubeadm:cluster-admins"),
            ),
        ),
        (
            "apiserver-etcd-client",
            &etcd,
            Profile::client("kube-apiserver-etcd-client", None),
        ),
        (
            "etcd/server",
            &etcd,
            both(Profile::server(node, &["localhost", node], &local)),
        ),
        (
            "front-proxy-client",
            &proxy,
            Profile::client("front-proxy-client", None),
        ),
    ];
    for (name, issuer, profile) in pairs {
        write_pair(&pki, name, &issuer.issue(&profile, now)?)?;
    }
    let (private, public) = service_account::generate()?;
    write_private(&pki.join("sa.key"), &private)?;
    fs::write(pki.join("sa.pub"), public).context("could not write sa.pub")?;
    let server = format!("https://{address}:6443");
    let node_user = format!("system:node:{node}");
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
        (
            "controller-manager.conf",
            "system:kube-controller-manager",
            None,
        ),
        ("scheduler.conf", "system:kube-scheduler", None),
        ("kubelet.conf", &node_user, Some("system:nodes")),
    ];
    for (file, user, group) in clients {
        let pair = authority.issue(&Profile::client(user, group), now)?;
        let kubeconfig = client(&authority, (&config.name, user), &server, pair.into());
        write_private(&folder.join(file), &kubeconfig.to_text())?;
    }
    let admin = Profile::client("kubernetes-admin", Some("system:masters"));
    Ok(Keys {
        admin: authority.issue(&admin, now)?,
        authority,
    })
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
