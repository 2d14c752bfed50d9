//! The scheduler alone, for standing in for upstream's in tests.

use styr_base::Shutdown;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let shutdown = Shutdown::on_signals()?;
    styr_scheduler::command(args, shutdown).await
}
