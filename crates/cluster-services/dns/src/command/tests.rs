use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use styr_base::SteppedClock;

use super::*;

const INTERVAL: Duration = Duration::from_secs(30);
const OLD: &str = ".:53 {\n    errors\n    reload\n}\n";
const NEW: &str = ".:53 {\n    errors\n    log\n    reload\n}\n";
const WRONG: &str = ".:53 {\n    nonsense\n}\n";

/// Changes the Corefile from `OLD` to each text in turn; what is served after the last one, if
/// that is another than before.
async fn served_after(texts: &[&str]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let clock = SteppedClock::shared();
    let config = Config {
        corefile: folder.path().join("Corefile"),
        port: 53,
    };
    let deps = Deps {
        client: None,
        clock: clock.clone(),
        shutdown: Shutdown::new(),
    };
    std::fs::write(&config.corefile, OLD).unwrap();
    let blocks = parse(&config, OLD).unwrap();
    let instance = Instance::new(&config, &deps, None, &blocks).unwrap();
    let mut changed = pin!(watch(&config, &deps, (None, &instance.settings), OLD));
    let mut found = None;
    for text in texts {
        // Waits for its interval before it looks.
        let first = std::future::poll_fn(|context| Poll::Ready(changed.as_mut().poll(context)));
        assert!(first.await.is_pending());
        std::fs::write(&config.corefile, text).unwrap();
        clock.step(INTERVAL);
        let second = std::future::poll_fn(|context| Poll::Ready(changed.as_mut().poll(context)));
        if let Poll::Ready(text) = second.await {
            found = Some(text);
            break;
        }
    }
    found
}

#[tokio::test]
async fn a_changed_corefile_is_taken_in() {
    assert_eq!(served_after(&[NEW]).await.as_deref(), Some(NEW));
}

#[tokio::test]
async fn a_corefile_that_is_wrong_is_left_alone_until_it_is_right() {
    assert_eq!(served_after(&[WRONG]).await, None);
    assert_eq!(served_after(&[WRONG, NEW]).await.as_deref(), Some(NEW));
}

#[tokio::test]
async fn an_unchanged_corefile_is_not_taken_in_again() {
    assert_eq!(served_after(&[OLD, OLD]).await, None);
}
