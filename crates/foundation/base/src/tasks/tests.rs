use super::*;

#[tokio::test]
async fn the_first_error_reaches_whoever_waits() {
    let tasks = Tasks::new();
    tasks.spawn_infallible(std::future::pending());
    tasks.spawn(async { Err::<(), _>(std::io::Error::other("disk is gone")) });
    assert_eq!(tasks.join().await.unwrap_err().to_string(), "disk is gone");
}

#[tokio::test]
async fn dropping_the_owner_stops_the_task() {
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    let tasks = Tasks::new();
    tasks.spawn_infallible(async move {
        std::future::pending::<()>().await;
        drop(sender);
    });
    drop(tasks);
    assert!(receiver.await.is_err());
}
