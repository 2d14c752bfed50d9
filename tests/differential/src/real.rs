//! The real etcd and kube-apiserver, as processes on loopback.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use styr_client::Client;
use styr_pki::{Authority, Kubeconfig, Profile, service_account};
use styr_test_support::oracle;

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

/// The two processes; they end with this.
#[derive(Debug)]
pub struct Real {
    pub client: Client,
    _processes: Vec<Process>,
}

#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Real {
    /// Starts them, or answers nothing where they are not built.
    pub async fn start(folder: &Path) -> Result<Option<Self>> {
        let (Some(etcd), Some(apiserver)) =
            (oracle::binary("etcd"), oracle::binary("kube-apiserver"))
        else {
            return Ok(None);
        };
        let kubeconfig = folder.join("kubeconfig");
        let port = free_port()?;
        keys(folder, port, &kubeconfig)?;
        let mut processes = Vec::new();
        let store = start_store(folder, &etcd, &mut processes)?;
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
        processes.push(spawn(&mut command, &folder.join("kube-apiserver.log"))?);
        let client = Client::from_kubeconfig(&kubeconfig).await?;
        ready(&client, folder).await?;
        Ok(Some(Self {
            client,
            _processes: processes,
        }))
    }
}

fn start_store(folder: &Path, etcd: &Path, processes: &mut Vec<Process>) -> Result<String> {
    let (client, peer) = (free_port()?, free_port()?);
    let (client, peer) = (
        format!("http://127.0.0.1:{client}"),
        format!("http://127.0.0.1:{peer}"),
    );
    let mut command = Command::new(etcd);
    command
        .arg(format!("--data-dir={}", folder.join("etcd").display()))
        .arg(format!("--listen-client-urls={client}"))
        .arg(format!("--advertise-client-urls={client}"))
        .arg(format!("--listen-peer-urls={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=default={peer}"));
    processes.push(spawn(&mut command, &folder.join("etcd.log"))?);
    Ok(client)
}

fn spawn(command: &mut Command, log: &Path) -> Result<Process> {
    let log = File::create(log).with_context(|| format!("could not make {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map(Process)
        .with_context(|| format!("could not start {command:?}"))
}

/// A port that nobody listens on now; these programs take no port of the system's choice.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr().context("no free port")?.port())
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
