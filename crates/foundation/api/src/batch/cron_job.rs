//! `CronJob`: <https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/>.

use serde_json::{Value, json};

use crate::core::pod_template;
use crate::rules::{Context, Rules};
use crate::{cells, tree};

pub(crate) struct CronJob;

impl Rules for CronJob {
    fn default(&self, object: &mut Value) {
        // The job gets its own defaults when it is made; its pods' are those of every template.
        if let Some(template) = object["spec"]["jobTemplate"]["spec"].get_mut("template") {
            pod_template::default(template);
        }
    }

    fn cell(&self, column: &str, object: &Value, cx: &Context) -> Option<Value> {
        let job = &object["spec"]["jobTemplate"]["spec"];
        let template = &job["template"]["spec"];
        let cell = match column {
            "Timezone" => cells::or_none(tree::text(object, "spec.timeZone")),
            "Suspend" => match tree::at(object, "spec.suspend") {
                Value::Bool(true) => json!("True"),
                Value::Bool(false) => json!("False"),
                _ => json!("<unset>"),
            },
            "Active" => json!(tree::items(object, "status.active").len()),
            "Last Schedule" => match tree::text(object, "status.lastScheduleTime") {
                "" => json!("<none>"),
                time => json!(cells::age(time, cx.now)),
            },
            "Containers" => cells::containers(template),
            "Images" => cells::images(template),
            "Selector" => cells::selector(&job["selector"]),
            _ => return None,
        };
        Some(cell)
    }
}
