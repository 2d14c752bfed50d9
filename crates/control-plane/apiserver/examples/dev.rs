//! dev
#[path = "../tests/it/memory_store.rs"]
mod memory_store;
use styr_base::{Shutdown, SystemClock};
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let port: u16 = std::env::args()
        .nth(1)
        .and_then(|p| p.parse().ok())
        .unwrap_or(18080);
    let shutdown = Shutdown::on_signals()?;
    let config = styr_apiserver::Config {
        authorization_modes: vec!["AlwaysAllow".into()],
        secure_port: port,
        service_cluster_ip_ranges: vec!["10.96.0.0/16".into()],
        ..Default::default()
    };
    let deps = styr_apiserver::Deps {
        store: memory_store::MemoryStore::shared(),
        clock: SystemClock::shared(),
        shutdown,
    };
    let server = styr_apiserver::build(config, deps)?;
    let socket = styr_component::serve::bind(([127, 0, 0, 1], port).into()).await?;
    server
        .serve(styr_component::serve::Listener {
            socket,
            tls: None,
            connections_max: 1000,
        })
        .await;
    Ok(())
}
