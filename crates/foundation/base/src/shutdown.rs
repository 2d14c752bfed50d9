//! One signal that ends a component, handed down to its tasks.

use tokio_util::sync::CancellationToken;

/// Tells tasks that it is time to end. Clones share the signal; children end with their parent.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// A signal that nobody has given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal that follows SIGTERM and SIGINT of this process.
    pub fn on_signals() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let shutdown = Self::new();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let giver = shutdown.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "lives as long as the process, owns nothing"
        )]
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = giver.requested() => {}
            }
            giver.request();
        });
        Ok(shutdown)
    }

    /// A signal that is given with this one, but can be given alone as well.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            token: self.token.child_token(),
        }
    }

    /// Gives the signal.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// Whether the signal was given.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Finishes when the signal is given.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }
}
