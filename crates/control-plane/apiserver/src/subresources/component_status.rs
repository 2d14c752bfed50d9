//! `componentstatuses`: an old view of three components; upstream still answers it.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use styr_api::Kind;
use styr_meta::Status;

use crate::body::Response;
use crate::inbound::Inbound;
use crate::negotiation::Offer;
use crate::{response, shapes, status};

/// What this server can know without asking others: its own store.
const NAME: &str = "etcd-0";

pub(super) async fn answer(inbound: Inbound, kind: Arc<Kind>) -> Result<Response, Status> {
    let form = inbound.form(Offer::Documents)?;
    let store = inbound.state.resources.store().status().await;
    let item = item(store.map(drop).map_err(|error| error.to_string()));
    if inbound.info.verb == "list" {
        let list = json!({
            "kind": "ComponentStatusList",
            "apiVersion": "v1",
            "metadata": {},
            "items": [item],
        });
        let shape = shapes::list_of(&kind);
        return Ok(response::document(&shape, &list, form, StatusCode::OK));
    }
    if inbound.info.name != NAME {
        return Err(status::not_found(&kind, &inbound.info.name));
    }
    let mut item = item;
    item["kind"] = "ComponentStatus".into();
    item["apiVersion"] = "v1".into();
    Ok(response::document(&kind.shape, &item, form, StatusCode::OK))
}

fn item(store: Result<(), String>) -> Value {
    let condition = match store {
        Ok(()) => json!({ "type": "Healthy", "status": "True", "message": "ok" }),
        Err(error) => json!({
            "type": "Healthy",
            "status": "False",
            "message": "store is not reachable",
            "error": error,
        }),
    };
    json!({ "metadata": { "name": NAME }, "conditions": [condition] })
}
