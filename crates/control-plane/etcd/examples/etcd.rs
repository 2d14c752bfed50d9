//! The store alone, for trying it.
#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let shutdown = styr_base::Shutdown::on_signals()?;
    styr_etcd::command(std::env::args().skip(1).collect(), shutdown).await
}
