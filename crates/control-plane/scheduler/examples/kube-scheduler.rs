//! The scheduler alone, for standing in for upstream's in tests.

use styr_base::Shutdown;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let config = styr_scheduler::Config::parse(args.clone())?;
    styr_component::logs::init(config.verbosity);
    let shutdown = Shutdown::on_signals()?;
    styr_scheduler::command(args, shutdown).await
}
