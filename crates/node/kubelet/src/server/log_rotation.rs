//! Keeps logs of running containers below their limit. A timer looks, since files tell nobody.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::shared::Shared;

/// Upstream's `containerLogMonitorInterval`.
const PERIOD: Duration = Duration::from_secs(10);

/// Until dropped.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        shared.clock.sleep(PERIOD).await;
        for entry in large_logs(&shared) {
            rotate(&shared, &entry).await;
        }
    }
}

/// Logs in use that are too large, found by the links that containers have.
fn large_logs(shared: &Shared) -> Vec<(PathBuf, String)> {
    let links = std::fs::read_dir(&shared.config.container_logs_dir);
    let links = links.into_iter().flatten().flatten().filter_map(|link| {
        let log = std::fs::read_link(link.path()).ok()?;
        let size = std::fs::metadata(&log).ok()?.len();
        let name = link.file_name().to_string_lossy().into_owned();
        let id = name.strip_suffix(".log")?.rsplit('-').next()?.to_owned();
        let too_large = i64::try_from(size).unwrap_or(i64::MAX) > shared.config.log_size_max;
        too_large.then_some((log, id))
    });
    links.collect()
}

async fn rotate(shared: &Shared, (log, id): &(PathBuf, String)) {
    let status = shared.runtime.container_status(id).await;
    if !status.is_ok_and(|status| status.state == 1 && Path::new(&status.log_path) == log) {
        return;
    }
    let stamp = shared.clock.now().strftime("%Y%m%d-%H%M%S").to_string();
    let mut rotated = log.clone().into_os_string();
    rotated.push(format!(".{stamp}"));
    if let Err(error) = std::fs::rename(log, &rotated) {
        tracing::warn!(log = %log.display(), %error, "could not rotate a log");
        return;
    }
    if let Err(status) = shared.runtime.reopen_log(id).await {
        tracing::warn!(id, %status, "could not have a log reopened");
        // The container goes on writing to the file it has; it gets its name back.
        let _ = std::fs::rename(&rotated, log);
        return;
    }
    remove_old(log, shared.config.log_files_max);
}

/// The file in use counts as well.
fn remove_old(log: &Path, files_max: usize) {
    let (Some(directory), Some(name)) = (log.parent(), log.file_name()) else {
        return;
    };
    let prefix = format!("{}.", name.to_string_lossy());
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut rotated: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .collect();
    rotated.sort();
    let surplus = rotated.len().saturating_sub(files_max.saturating_sub(1));
    for old in rotated.into_iter().take(surplus) {
        // Gone already is as good.
        let _ = std::fs::remove_file(old);
    }
}
