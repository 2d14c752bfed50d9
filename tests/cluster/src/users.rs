//! Who is who: the users of a real cluster, so that the server refuses what it would refuse there.

use std::sync::Arc;

use styr_apiserver::Server;
use styr_apiserver::attributes::User;
use styr_client::Client;
use styr_controller_manager::Clients;

use crate::faults::{Faults, Faulty};

/// Makes connections; what goes wrong with them is the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Users {
    pub(crate) server: Server,
    pub(crate) faults: Option<Arc<Faults>>,
}

impl Users {
    fn client(&self, name: &str, groups: &[&str]) -> Client {
        let groups = groups.iter().chain(&["system:authenticated"]);
        let user = User {
            name: name.to_owned(),
            groups: groups.map(|group| (*group).to_owned()).collect(),
            ..User::default()
        };
        let server = self.server.as_user(user);
        match &self.faults {
            None => Client::over_service(server),
            Some(faults) => Client::over_service(Faulty::new(server, faults)),
        }
    }

    /// May do everything, and meets no faults: the one who tests.
    pub(crate) fn admin(&self) -> Client {
        let sane = Self {
            faults: None,
            ..self.clone()
        };
        sane.client("kubernetes-admin", &["system:masters"])
    }

    pub(crate) fn component(&self, name: &str) -> Client {
        self.client(&format!("system:{name}"), &[])
    }

    pub(crate) fn node(&self, name: &str) -> Client {
        self.client(&format!("system:node:{name}"), &["system:nodes"])
    }
}

impl Clients for Users {
    fn root(&self) -> Client {
        self.component("kube-controller-manager")
    }

    fn of(&self, account: &'static str) -> Client {
        let name = format!("system:serviceaccount:kube-system:{account}");
        let groups = [
            "system:serviceaccounts",
            "system:serviceaccounts:kube-system",
        ];
        self.client(&name, &groups)
    }
}
