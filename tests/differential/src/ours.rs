//! Our API server on our store, in memory but for the log.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use styr_apiserver::attributes::User;
use styr_apiserver::{Config, Deps, build};
use styr_base::{SharedClock, Shutdown, SystemClock};
use styr_client::Client;
use styr_etcd::{Engine, Options};

use crate::real::{ADMIN, ADMINS, ISSUER, SERVICES};

/// Starts it and answers a client of an administrator of the same name as on the real one.
pub async fn start(folder: &Path, shutdown: &Shutdown) -> Result<Client> {
    let clock: SharedClock = SystemClock::shared();
    let (private, public) = styr_pki::service_account::generate()?;
    let (key, verify) = (folder.join("sa.key"), folder.join("sa.pub"));
    std::fs::write(&key, private).context("could not write sa.key")?;
    std::fs::write(&verify, public).context("could not write sa.pub")?;
    let config = Config {
        authorization_modes: vec!["Node".to_owned(), "RBAC".to_owned()],
        service_account_key_files: vec![verify],
        service_account_signing_key_file: Some(key),
        service_account_issuers: vec![ISSUER.to_owned()],
        allow_privileged: true,
        service_cluster_ip_ranges: vec![SERVICES.to_owned()],
        ..Config::default()
    };
    let options = Options {
        clock: Arc::clone(&clock),
    };
    let deps = Deps {
        store: Arc::new(Engine::open(&folder.join("etcd"), options)?),
        clock,
        shutdown: shutdown.clone(),
    };
    let server = build(config, deps)?;
    server.ready().await;
    let user = User {
        name: ADMIN.to_owned(),
        groups: vec![ADMINS.to_owned(), "system:authenticated".to_owned()],
        ..User::default()
    };
    Ok(Client::over_service(server.as_user(user)))
}
