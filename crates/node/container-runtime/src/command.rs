//! Flags, and the server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use styr_base::{SharedClock, Shutdown, SystemClock, Tasks};
use styr_cri::v1::image_service_server::ImageServiceServer;
use styr_cri::v1::runtime_service_server::RuntimeServiceServer;
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;

use crate::images;
use crate::runtime::Runtime;
use crate::service::Service;
use crate::streaming::{self, Streams};

/// Longest message that kubelet may send, as others take it.
const LONGEST_MESSAGE: usize = 16 << 20;
/// How long requests may go on after shutdown was requested.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// Where everything lies.
#[derive(Debug, Clone)]
pub struct Config {
    /// What stays over a reboot. Must not lie on overlayfs.
    pub root: PathBuf,
    /// What does not.
    pub state: PathBuf,
    /// The socket.
    pub address: PathBuf,
    /// The image store, which other nodes of the machine may share.
    pub images: PathBuf,
    pub cni_configurations: PathBuf,
    pub cni_programs: Vec<PathBuf>,
    /// For pods whose caller names no control group.
    pub cgroup_parent: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            root: "/var/lib/styr/runtime".into(),
            state: "/run/styr/runtime".into(),
            address: "/run/styr/runtime.sock".into(),
            images: "/var/lib/styr/images".into(),
            cni_configurations: "/etc/cni/net.d".into(),
            cni_programs: vec!["/opt/cni/bin".into()],
            cgroup_parent: "/styr".to_owned(),
        }
    }
}

static FLAGS: &str =
    "--root, --state, --address, --images, --cni-conf-dir, --cni-bin-dir, --cgroup-parent";

impl Config {
    /// Reads flags: `--name value` or `--name=value`. Without `--images` they lie below the root.
    pub fn parse(arguments: Vec<String>) -> anyhow::Result<Self> {
        let mut config = Self::default();
        let mut images = None;
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let value = value.or_else(|| arguments.next());
            let value = value.with_context(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--root" => config.root = value.into(),
                "--state" => config.state = value.into(),
                "--address" => {
                    config.address = value.strip_prefix("unix://").unwrap_or(&value).into();
                }
                "--images" => images = Some(PathBuf::from(value)),
                "--cni-conf-dir" => config.cni_configurations = value.into(),
                "--cni-bin-dir" => {
                    config.cni_programs = value.split(':').map(PathBuf::from).collect();
                }
                "--cgroup-parent" => config.cgroup_parent = value,
                _ => bail!("unknown flag: {name}; there are {FLAGS}"),
            }
        }
        config.images = images.unwrap_or_else(|| config.root.join("images"));
        Ok(config)
    }

    pub(crate) fn pods(&self) -> PathBuf {
        self.root.join("sandboxes")
    }

    pub(crate) fn containers(&self) -> PathBuf {
        self.root.join("containers")
    }

    pub(crate) fn running(&self) -> PathBuf {
        self.state.join("sandboxes")
    }

    pub(crate) fn networks(&self) -> PathBuf {
        self.state.join("netns")
    }
}

/// What the runtime is given.
#[derive(Debug, Clone)]
pub struct Deps {
    pub clock: SharedClock,
    pub shutdown: Shutdown,
}

/// Reads flags and serves until shutdown.
pub async fn command(arguments: Vec<String>, shutdown: Shutdown) -> anyhow::Result<()> {
    let clock = SystemClock::shared();
    run(Config::parse(arguments)?, Deps { clock, shutdown }).await
}

/// Serves until shutdown. Pods stay.
pub async fn run(config: Config, deps: Deps) -> anyhow::Result<()> {
    let address = config.address.clone();
    let (streams, listener) = Streams::open().await?;
    let clock = deps.clock.clone();
    let runtime = Runtime::open(config, deps.clock, streams).await?;
    let tasks = Tasks::new();
    tasks.spawn_infallible(streaming::serve(listener, std::sync::Arc::clone(&runtime)));
    let socket = listen(&address)?;
    let service = Service { runtime };
    let runtimes =
        RuntimeServiceServer::new(service.clone()).max_decoding_message_size(LONGEST_MESSAGE);
    let images = ImageServiceServer::new(service).max_decoding_message_size(LONGEST_MESSAGE);
    tracing::info!(address = %address.display(), "serving");
    let served = tonic::transport::Server::builder()
        .add_service(runtimes)
        .add_service(images)
        .serve_with_incoming_shutdown(
            UnixListenerStream::new(socket),
            requested(deps.shutdown.clone()),
        );
    // Kubelet keeps its stream of events open for ever.
    let patience = async {
        deps.shutdown.requested().await;
        clock.sleep(PATIENCE).await;
    };
    tokio::select! {
        served = served => served.context("could not serve"),
        () = patience => Ok(()),
    }
}

async fn requested(shutdown: Shutdown) {
    shutdown.requested().await;
}

/// A socket that a dead runtime left is replaced; a living one is an error.
fn listen(address: &Path) -> anyhow::Result<UnixListener> {
    if let Some(parent) = address.parent() {
        fs::create_dir_all(parent)?;
    }
    if address.exists() {
        if std::os::unix::net::UnixStream::connect(address).is_ok() {
            bail!("another runtime serves at {}", address.display());
        }
        fs::remove_file(address)?;
    }
    let listener = UnixListener::bind(address)
        .with_context(|| format!("could not listen at {}", address.display()))?;
    fs::set_permissions(address, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// `load-image --images FOLDER FILE ...`: loads archives into a store; answers the names.
pub fn load_image(arguments: &[String], out: &mut impl std::io::Write) -> anyhow::Result<()> {
    let mut store = Config::default().images;
    let mut files = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.split_once('=').unwrap_or((argument, "")) {
            ("--images", "") => {
                store = arguments.next().context("--images needs a value")?.into();
            }
            ("--images", value) => store = value.into(),
            (name, _) if name.starts_with('-') => bail!("unknown flag: {name}; there is --images"),
            _ => files.push(PathBuf::from(argument)),
        }
    }
    if files.is_empty() {
        bail!("load-image needs at least one archive");
    }
    for file in files {
        for image in images::load_archive(&store, &file)? {
            for name in image.tags.iter().chain(&image.digests).take(1) {
                writeln!(out, "{name} {}", image.id)?;
            }
        }
    }
    Ok(())
}
