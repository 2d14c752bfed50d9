//! The real kube-apiserver, as a process on loopback.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use styr_client::Client;
use styr_pki::{Authority, Kubeconfig, Profile, service_account};
use styr_test_support::oracle;

use crate::process::{Process, free_port, spawn};
use crate::store;

/// Who asks.
pub const ADMIN: &str = "kubernetes-admin";
/// The group that may do everything.
pub const ADMINS: &str = "system:masters";
/// Of tokens of service accounts.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// Addresses of services.
pub const SERVICES: &str = "10.96.0.0/16";
/// The real server takes a few seconds, on a busy machine many.
const START_TIME_MAX: Duration = Duration::from_secs(120);
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// It and its store; they end with this.
#[derive(Debug)]
pub struct Real {
    pub client: Client,
    /// Of an administrator.
    pub kubeconfig: PathBuf,
    _server: Process,
    _store: Option<store::Real>,
}

impl Real {
    /// Starts both, or answers nothing where they are not built.
    pub async fn start(folder: &Path) -> Result<Option<Self>> {
        let Some(store) = store::Real::start(folder)? else {
            return Ok(None);
        };
        let real = Self::start_on(&store.url, folder).await?;
        Ok(real.map(|real| Self {
            _store: Some(store),
            ..real
        }))
    }

    /// Starts the server on a store, or answers nothing where it is not built.
    pub async fn start_on(store: &str, folder: &Path) -> Result<Option<Self>> {
        let Some(apiserver) = oracle::binary("kube-apiserver") else {
            return Ok(None);
        };
        let kubeconfig = folder.join("kubeconfig");
        let port = free_port()?;
        keys(folder, port, &kubeconfig)?;
        let mut command = Command::new(&apiserver);
        for (name, file) in [
            ("client-ca-file", "ca.crt"),
            ("tls-cert-file", "server.crt"),
            ("tls-private-key-file", "server.key"),
            ("service-account-key-file", "sa.pub"),
            ("service-account-signing-key-file", "sa.key"),
        ] {
            command.arg(format!("--{name}={}", folder.join(file).display()));
        }
        command
            .arg(format!("--etcd-servers={store}"))
            .arg(format!("--secure-port={port}"))
            .arg(format!("--service-account-issuer={ISSUER}"))
            .arg(format!("--service-cluster-ip-range={SERVICES}"))
            .args([
                "--bind-address=127.0.0.1",
                "--advertise-address=203.0.113.1",
            ])
            .args(["--authorization-mode=Node,RBAC", "--allow-privileged=true"])
            .arg("--enable-admission-plugins=NodeRestriction");
        let server = spawn(&mut command, &folder.join("kube-apiserver.log"))?;
        let client = Client::from_kubeconfig(&kubeconfig).await?;
        ready(&client, folder).await?;
        Ok(Some(Self {
            client,
            kubeconfig,
            _server: server,
            _store: None,
        }))
    }
}

fn keys(folder: &Path, port: u16, kubeconfig: &Path) -> Result<()> {
    let now = Timestamp::now();
    let authority = Authority::generate("kubernetes", now)?;
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let server = authority.issue(
        &Profile::server("kube-apiserver", &["localhost"], &loopback),
        now,
    )?;
    let admin = authority.issue(&Profile::client(ADMIN, Some(ADMINS)), now)?;
    let (private, public) = service_account::generate()?;
    for (name, text) in [
        ("ca.crt", authority.certificate_pem()),
        ("server.crt", &server.certificate_pem),
        ("server.key", &server.key_pem),
        ("sa.key", &private),
        ("sa.pub", &public),
    ] {
        fs::write(folder.join(name), text).with_context(|| format!("could not write {name}"))?;
    }
    let text = Kubeconfig {
        name: "real".to_owned(),
        user: ADMIN.to_owned(),
        server: format!("https://127.0.0.1:{port}"),
        authority_pem: authority.certificate_pem().to_owned(),
        credentials: admin.into(),
    }
    .to_text();
    fs::write(kubeconfig, text).context("could not write the kubeconfig")
}

/// Asks until it answers: a process of others tells nothing when it is ready.
async fn ready(client: &Client, folder: &Path) -> Result<()> {
    let asking = async {
        loop {
            let request = http::Request::get("/readyz").body(Vec::new());
            let request = request.context("the request is valid")?;
            if client.kube().request_text(request).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    };
    match tokio::time::timeout(START_TIME_MAX, asking).await {
        Ok(outcome) => outcome,
        Err(_) => bail!(
            "the real kube-apiserver did not get ready: {}",
            fs::read_to_string(folder.join("kube-apiserver.log")).unwrap_or_default()
        ),
    }
}
