//! The API alone: store, API server and the controllers that finish deletions, in one process.
//!
//! For tests of whatever speaks to Kubernetes: it is ready in milliseconds, on a free port of
//! loopback, with authentication and RBAC on; it prints the path of its kubeconfig.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use styr_apiserver::attributes::User;
use styr_apiserver::{Config, Deps, Server};
use styr_base::{SharedClock, Shutdown, SystemClock, Tasks};
use styr_client::Client;
use styr_component::health::Checks;
use styr_component::metrics::Registry;
use styr_component::serve::{self, Listener};
use styr_component::{Flag, Flags, logs};
use styr_controller_manager as controllers;
use styr_etcd::{Engine, Options};
use styr_pki::tls::{self, ClientCertificates};
use styr_pki::{Authority, KeyPair, Kubeconfig, Profile, service_account};

/// Connections at a time.
const CONNECTIONS_MAX: usize = 4_096;
/// The controllers without which deletions never end and pods have no account.
const CONTROLLERS: &str = "--controllers=garbage-collector-controller,namespace-controller,\
    serviceaccount-controller,root-ca-certificate-publisher-controller,\
    clusterrole-aggregation-controller";

const FLAGS: [Flag; 2] = [
    Flag {
        name: "dir",
        kind: "string",
        default: "",
        no_value: "",
    },
    Flag {
        name: "v",
        kind: "Level",
        default: "0",
        no_value: "",
    },
];

/// `styr api [--dir D]`
pub async fn command(args: Vec<String>, shutdown: Shutdown) -> Result<()> {
    let flags = Flags::parse_own(&FLAGS, args)?;
    logs::init(flags.int("v"));
    let given = flags.optional("dir").map(PathBuf::from);
    let temporary = std::env::temp_dir().join(format!("styr-api-{}", std::process::id()));
    let folder = given.clone().unwrap_or_else(|| temporary.clone());
    let outcome = run(&folder, SystemClock::shared(), &shutdown).await;
    if given.is_none() {
        fs::remove_dir_all(&temporary).context("could not remove the temporary folder")?;
    }
    outcome
}

/// Serves out of a folder until the shutdown.
async fn run(folder: &Path, clock: SharedClock, shutdown: &Shutdown) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    let folder = folder
        .canonicalize()
        .context("could not resolve the folder")?;
    let keys = Keys::prepare(&folder, clock.now())?;
    let engine = Engine::open(
        &folder.join("etcd"),
        Options {
            clock: Arc::clone(&clock),
        },
    )?;
    let store = Arc::new(engine);
    let deps = Deps {
        store,
        clock: Arc::clone(&clock),
        shutdown: shutdown.clone(),
    };
    let server = styr_apiserver::build(keys.config(&folder), deps)?;
    let socket = serve::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)).await?;
    let address = socket.local_addr().context("could not read the port")?;
    let tls = Some(tls::server_config(
        &keys.serving,
        ClientCertificates::Requested,
    )?);
    let tasks = Tasks::new();
    let listener = Listener {
        socket,
        tls,
        connections_max: CONNECTIONS_MAX,
    };
    let serving = server.clone();
    tasks.spawn_infallible(async move { serving.serve(listener).await });
    let control = control(&server, clock, shutdown.clone())?;
    tasks.spawn(async move { control.await.map_err(|error| error.into_boxed_dyn_error()) });
    server.ready().await;
    let kubeconfig = folder.join("kubeconfig");
    let text = keys.kubeconfig(address).to_text();
    crate::state::write_whole(&kubeconfig, text.as_bytes())
        .context("could not write kubeconfig")?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", kubeconfig.display()).context("could not print the kubeconfig's path")?;
    tasks.join().await.map_err(|error| anyhow::anyhow!(error))
}

/// The controllers, speaking to the server in memory.
fn control(
    server: &Server,
    clock: SharedClock,
    shutdown: Shutdown,
) -> Result<impl Future<Output = Result<()>> + Send + 'static> {
    let flags = [CONTROLLERS, "--leader-elect=false", "--secure-port=0"].map(str::to_owned);
    let config = controllers::Config::parse(flags)?;
    let client = Client::over_service(server.as_user(User::loopback()));
    let deps = controllers::Deps {
        clients: Arc::new(controllers::OneClient(client)),
        clock,
        shutdown,
        registry: Registry::new(),
        checks: Checks::new(),
    };
    Ok(controllers::run(config, deps))
}

/// Certificates and keys, kept in the folder so that a restart goes on with them.
struct Keys {
    authority: Authority,
    serving: KeyPair,
    admin: KeyPair,
}

impl Keys {
    fn prepare(folder: &Path, now: Timestamp) -> Result<Self> {
        let file = |name: &str| folder.join(name);
        let authority = match (
            fs::read_to_string(file("ca.crt")),
            fs::read_to_string(file("ca.key")),
        ) {
            (Ok(certificate), Ok(key)) => Authority::from_pem(&certificate, &key)?,
            _ => Authority::generate("kubernetes", now)?,
        };
        fs::write(file("ca.crt"), authority.certificate_pem()).context("could not write ca.crt")?;
        write_private(&file("ca.key"), &authority.key_pem())?;
        if !file("sa.key").exists() {
            let (private, public) = service_account::generate()?;
            write_private(&file("sa.key"), &private)?;
            fs::write(file("sa.pub"), public).context("could not write sa.pub")?;
        }
        let names = [
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
        ];
        let addresses = [Ipv4Addr::LOCALHOST, Ipv4Addr::new(10, 0, 0, 1)].map(IpAddr::V4);
        let serving = Profile::server("kube-apiserver", &names, &addresses);
        let admin = Profile::client("kubernetes-admin", Some("system:masters"));
        Ok(Self {
            serving: authority.issue(&serving, now)?,
            admin: authority.issue(&admin, now)?,
            authority,
        })
    }

    fn config(&self, folder: &Path) -> Config {
        Config {
            client_ca_file: Some(folder.join("ca.crt")),
            service_account_key_files: vec![folder.join("sa.pub")],
            service_account_signing_key_file: Some(folder.join("sa.key")),
            allow_privileged: true,
            ..Config::default()
        }
    }

    fn kubeconfig(&self, address: SocketAddr) -> Kubeconfig {
        Kubeconfig {
            name: "styr-api".to_owned(),
            user: "kubernetes-admin".to_owned(),
            server: format!("https://{address}"),
            authority_pem: self.authority.certificate_pem().to_owned(),
            credentials: self.admin.clone().into(),
        }
    }
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let unwritable = || format!("could not write {}", path.display());
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).with_context(unwritable)?;
    file.write_all(text.as_bytes()).with_context(unwritable)
}
