//! A store on loopback, in a folder of its own.

use std::time::Duration;

use styr_base::{Shutdown, SystemClock, Tasks};
use styr_component::serve::{self, Listener};
use styr_etcd::{Engine, Member, Options, Server};
use tempfile::TempDir;

/// Runs until it is dropped.
pub(crate) struct Running {
    pub(crate) url: String,
    pub(crate) shutdown: Shutdown,
    _tasks: Tasks,
    _folder: TempDir,
}

/// Starts one.
pub(crate) async fn start() -> Running {
    start_within(None).await
}

/// Starts one that may become so large.
pub(crate) async fn start_within(bytes_max: Option<u64>) -> Running {
    let folder = TempDir::new().unwrap();
    let clock = SystemClock::shared();
    let options = Options {
        clock: clock.clone(),
    };
    let engine = Engine::open(folder.path(), options).unwrap();
    let member = Member {
        name: "default".to_owned(),
        client_urls: Vec::new(),
        peer_urls: Vec::new(),
        progress_interval: Duration::from_secs(600),
        bytes_max,
    };
    let socket = serve::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let listener = Listener {
        socket,
        tls: None,
        connections_max: 16,
    };
    let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
    let server = Server::new(engine, member, clock);
    tasks.spawn_infallible(server.serve(listener, shutdown.clone()));
    Running {
        url,
        shutdown,
        _tasks: tasks,
        _folder: folder,
    }
}
