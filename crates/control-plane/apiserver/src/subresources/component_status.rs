//! `componentstatuses`: an old view of three components; upstream still answers it.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use styr_api::Kind;
use styr_meta::Status;

use crate::body::Response;
use crate::inbound::Inbound;
use crate::negotiation::{Offer, View};
use crate::table::{self, Headings, IncludeObject};
use crate::{response, shapes};

/// What this server can know without asking others: its own store.
const NAME: &str = "etcd-0";

const HEADINGS: &Headings = &[
    ("Name", "string", "name"),
    ("Status", "string", ""),
    ("Message", "string", ""),
    ("Error", "string", ""),
];

pub(super) async fn answer(inbound: Inbound, kind: Arc<Kind>) -> Result<Response, Status> {
    let form = inbound.form(Offer::Objects)?;
    let is_list = inbound.info.verb == "list";
    if !is_list && inbound.info.name != NAME {
        // Upstream's word, which is not the resource's.
        let resource = (kind.group.as_str(), "componentstatus");
        return Err(Status::not_found(resource, &inbound.info.name));
    }
    let store = inbound.state.resources.store().status().await;
    let mut item = item(store.map(drop).map_err(|error| error.to_string()));
    let (shape, document) = match form.view {
        View::Table(version) => {
            let rows = vec![(cells(&item), item)];
            let include = IncludeObject::of(&inbound.query);
            let table = table::of_documents(HEADINGS, rows, (version, include), &json!({}));
            (shapes::meta("Table"), table)
        }
        View::Metadata(version) if is_list => {
            let list = json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": version.api_version(),
                "metadata": {},
                "items": [response::partial(item, version)],
            });
            (shapes::meta("PartialObjectMetadataList"), list)
        }
        View::Metadata(version) => {
            let partial = response::partial(item, version);
            (shapes::meta("PartialObjectMetadata"), partial)
        }
        View::Whole if is_list => {
            let list = json!({
                "kind": "ComponentStatusList",
                "apiVersion": "v1",
                "metadata": {},
                "items": [item],
            });
            (shapes::list_of(&kind), list)
        }
        View::Whole => {
            item["kind"] = "ComponentStatus".into();
            item["apiVersion"] = "v1".into();
            (kind.shape.clone(), item)
        }
    };
    Ok(response::document(&shape, &document, form, StatusCode::OK))
}

/// As upstream prints it.
fn cells(item: &Value) -> Value {
    let condition = &item["conditions"][0];
    let health = match condition["status"].as_str() {
        Some("True") => "Healthy",
        _ => "Unhealthy",
    };
    let text = |field: &str| condition[field].as_str().unwrap_or("");
    json!([NAME, health, text("message"), text("error")])
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
