//! Version 1, which knows processors only; the rest travels in annotations.

use serde_json::{Value, json};
use styr_meta::object;

use super::{CPU_PERCENT, HorizontalPodAutoscaler, cpu_metric};
use crate::rules::{Context, Rules};
use crate::tree;

pub(crate) struct V1;

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

impl Rules for V1 {
    fn default(&self, object: &mut Value) {
        let has_metrics = object::annotation(object, METRICS).is_some();
        if let Some(spec) = object.get_mut("spec").filter(|_| !has_metrics) {
            tree::set_default(spec, "targetCPUUtilizationPercentage", CPU_PERCENT);
        }
    }

    fn cell(&self, column: &str, object: &Value, cx: &Context) -> Option<Value> {
        let mut stored = object.clone();
        self.to_storage(&mut stored);
        HorizontalPodAutoscaler.cell(column, &stored, cx)
    }

    fn to_storage(&self, object: &mut Value) {
        let mut metrics = annotated(object, METRICS)
            .as_array()
            .cloned()
            .unwrap_or_default();
        let percent = tree::at(object, "spec.targetCPUUtilizationPercentage").as_i64();
        if let Some(percent) = percent {
            metrics.insert(0, cpu_metric(percent));
        }
        let behavior = annotated(object, BEHAVIOR);
        let current = tree::at(object, "status.currentCPUUtilizationPercentage").as_i64();
        let mut current_metrics = annotated(object, CURRENT_METRICS)
            .as_array()
            .cloned()
            .unwrap_or_default();
        if let Some(current) = current {
            let resource = json!({"name": "cpu", "current": {"averageUtilization": current}});
            current_metrics.insert(0, json!({"type": "Resource", "resource": resource}));
        }
        let conditions = annotated(object, CONDITIONS);
        for name in [METRICS, BEHAVIOR, CURRENT_METRICS, CONDITIONS] {
            object::remove_annotation(object, name);
        }
        let spec = tree::object_mut(object, "spec");
        tree::remove(spec, "targetCPUUtilizationPercentage");
        set(spec, "metrics", metrics.into());
        set(spec, "behavior", behavior);
        let status = tree::object_mut(object, "status");
        tree::remove(status, "currentCPUUtilizationPercentage");
        set(status, "currentMetrics", current_metrics.into());
        set(status, "conditions", conditions);
    }

    fn from_storage(&self, object: &mut Value) {
        let (metrics, cpu) = without_cpu(tree::items(object, "spec.metrics"), |metric| {
            tree::at(metric, "resource.target.averageUtilization").as_i64()
        });
        let (current_metrics, current) =
            without_cpu(tree::items(object, "status.currentMetrics"), |metric| {
                tree::at(metric, "resource.current.averageUtilization").as_i64()
            });
        let behavior = tree::at(object, "spec.behavior").clone();
        let conditions = tree::at(object, "status.conditions").clone();
        let spec = tree::object_mut(object, "spec");
        tree::remove(spec, "metrics");
        tree::remove(spec, "behavior");
        if let Some(percent) = cpu {
            spec["targetCPUUtilizationPercentage"] = percent.into();
        }
        let status = tree::object_mut(object, "status");
        tree::remove(status, "currentMetrics");
        tree::remove(status, "conditions");
        if let Some(percent) = current {
            status["currentCPUUtilizationPercentage"] = percent.into();
        }
        for (name, value) in [
            (METRICS, Value::from(metrics)),
            (CURRENT_METRICS, current_metrics.into()),
            (BEHAVIOR, behavior),
            (CONDITIONS, conditions),
        ] {
            if !tree::is_unset(&value) {
                object::set_annotation(object, name, &value.to_string());
            }
        }
    }
}

fn annotated(object: &Value, name: &str) -> Value {
    let text = object::annotation(object, name).unwrap_or_default();
    serde_json::from_str(text).unwrap_or(Value::Null)
}

fn set(object: &mut Value, field: &str, value: Value) {
    if !tree::is_unset(&value) {
        object[field] = value;
    }
}

/// Takes the first metric about processors out of a list.
fn without_cpu(
    metrics: &[Value],
    percent: impl Fn(&Value) -> Option<i64>,
) -> (Vec<Value>, Option<i64>) {
    let mut found = None;
    let mut rest = Vec::new();
    for metric in metrics {
        let is_cpu = tree::text(metric, "resource.name") == "cpu";
        match percent(metric).filter(|_| is_cpu && found.is_none()) {
            Some(percent) => found = Some(percent),
            None => rest.push(metric.clone()),
        }
    }
    (rest, found)
}
