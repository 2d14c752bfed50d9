//! The status of FlowSchemas: whether the priority level that they name is there.
//!
//! Nothing but the condition `Dangling` is written; others belong to others.

use serde_json::{Value, json};
use styr_meta::Status;

use crate::attributes::User;
use crate::registry::{Aspect, Call, Preconditions, Registry, Target, timestamp};
use crate::server::State;
use crate::status;

const GROUP: &str = "flowcontrol.apiserver.k8s.io";
const DANGLING: &str = "Dangling";

/// Says so again whenever a schema or a level has changed.
pub(super) async fn keep(state: &State) {
    let schemas = state.resources.builtin(GROUP, "flowschemas");
    let levels = state
        .resources
        .builtin(GROUP, "prioritylevelconfigurations");
    let (mut schema_changes, mut level_changes) = (schemas.cache.head(), levels.cache.head());
    loop {
        schema_changes.mark_unchanged();
        level_changes.mark_unchanged();
        let now = timestamp(state.clock.now());
        let (snapshot, _) = schemas.cache.snapshot();
        for entry in snapshot.range("", "") {
            let schema = entry.value();
            let level = level_of(&schema);
            let is_there = levels.cache.get(&levels.key("", level)).is_some();
            let condition = condition(level, is_there, &now);
            if lacks(&schema, &condition) {
                tell(schemas, &schema, &condition).await;
            }
        }
        let changed = tokio::select! {
            changed = schema_changes.changed() => changed,
            changed = level_changes.changed() => changed,
            () = state.shutdown.requested() => return,
        };
        if changed.is_err() {
            return;
        }
    }
}

fn level_of(schema: &Value) -> &str {
    let level = &schema["spec"]["priorityLevelConfiguration"]["name"];
    level.as_str().unwrap_or_default()
}

/// In upstream's words.
fn condition(level: &str, is_there: bool, now: &str) -> Value {
    let (status, reason, end) = if is_there {
        ("False", "Found", "it exists")
    } else {
        ("True", "NotFound", "there is no such object")
    };
    let link = if is_there { "and" } else { "but" };
    let message = format!(
        "This FlowSchema references the PriorityLevelConfiguration object named {level:?} {link} {end}"
    );
    json!({
        "type": DANGLING,
        "status": status,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    })
}

/// Whether a schema does not say so yet; when it began to is not asked.
fn lacks(schema: &Value, wanted: &Value) -> bool {
    let conditions = schema["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let said = conditions.find(|it| it["type"] == DANGLING);
    let fields = ["status", "reason", "message"];
    said.is_none_or(|said| fields.iter().any(|field| said[field] != wanted[field]))
}

/// A schema with the condition in the place of an older one.
fn with(mut schema: Value, condition: &Value) -> Value {
    let conditions = &mut schema["status"]["conditions"];
    let mut all = conditions.as_array().cloned().unwrap_or_default();
    all.retain(|it| it["type"] != DANGLING);
    all.push(condition.clone());
    *conditions = all.into();
    schema
}

async fn tell(schemas: &Registry, schema: &Value, condition: &Value) {
    let name = schema["metadata"]["name"].as_str().unwrap_or_default();
    let user = User::loopback();
    let mut call = Call::of_server(&user, "");
    let target = Target {
        name,
        aspect: Aspect::Status,
        preconditions: Preconditions::default(),
    };
    let told = schemas.update(&mut call, &target, |old| {
        Ok::<_, Status>(with(old.clone(), condition))
    });
    if let Err(error) = told.await
        && !status::is_not_found(&error)
    {
        tracing::error!(%error, name, "could not say whether a FlowSchema has its level");
    }
}

#[cfg(test)]
mod tests;
