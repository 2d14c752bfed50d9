//! The provisioner alone, for tests.

use styr_base::Shutdown;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    styr_local_path::command(args, Shutdown::on_signals()?).await
}
