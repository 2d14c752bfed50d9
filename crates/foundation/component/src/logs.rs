//! Logs go to standard error, one line an event.
//!
//! Upstream's verbosity maps to levels: 0-1 info, 2-4 debug, 5 and more trace. `RUST_LOG` wins.

use tracing_subscriber::EnvFilter;

/// Sends the process's events to standard error. A second call changes nothing.
pub fn init(verbosity: i64) {
    let level = match verbosity {
        ..=3 => "info",
        4 => "debug",
        _ => "trace",
    };
    // The client's library logs every refused connection as an error, and returns it as well.
    let fallback = format!("warn,kube_client=off,styr={level}");
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(fallback));
    let outcome = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
    if outcome.is_err() {
        tracing::debug!("logs were already set up");
    }
}
