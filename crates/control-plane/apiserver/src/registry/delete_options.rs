//! `DeleteOptions`: out of a body or out of the query.

use serde_json::Value;
use styr_meta::FieldError;

use super::Preconditions;
use crate::query::Query;

/// How to delete.
#[derive(Debug, Clone, Default)]
pub struct DeleteOptions {
    pub grace_period_seconds: Option<i64>,
    pub preconditions: Preconditions,
    pub orphan_dependents: Option<bool>,
    pub propagation_policy: Option<String>,
    pub dry_run: Vec<String>,
}

impl DeleteOptions {
    /// At once.
    pub fn now() -> Self {
        Self {
            grace_period_seconds: Some(0),
            ..Self::default()
        }
    }

    pub fn from_body(body: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let dry_run = body["dryRun"].as_array();
        Self {
            grace_period_seconds: body["gracePeriodSeconds"].as_i64(),
            preconditions: Preconditions {
                uid: text(&body["preconditions"]["uid"]),
                resource_version: text(&body["preconditions"]["resourceVersion"]),
            },
            orphan_dependents: body["orphanDependents"].as_bool(),
            propagation_policy: text(&body["propagationPolicy"]),
            dry_run: dry_run.into_iter().flatten().filter_map(text).collect(),
        }
    }

    /// `Err` says what cannot be read.
    pub fn from_query(query: &Query) -> Result<Self, String> {
        Ok(Self {
            grace_period_seconds: query
                .number("gracePeriodSeconds")
                .map_err(|text| format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))?,
            preconditions: Preconditions::default(),
            orphan_dependents: query.flag("orphanDependents"),
            propagation_policy: query
                .get("propagationPolicy")
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
            dry_run: query.all("dryRun").map(str::to_owned).collect(),
        })
    }

    /// What upstream would find wrong.
    pub fn problems(&self) -> Vec<FieldError> {
        let mut problems = Vec::new();
        if let (Some(_), Some(policy)) = (self.orphan_dependents, &self.propagation_policy) {
            let detail = "orphanDependents and deletionPropagation cannot be both set";
            problems.push(FieldError::invalid(
                "propagationPolicy",
                policy.as_str(),
                detail,
            ));
        }
        const POLICIES: [&str; 3] = ["Foreground", "Background", "Orphan"];
        if let Some(policy) = &self.propagation_policy
            && !POLICIES.contains(&policy.as_str())
        {
            let mut valid = POLICIES.to_vec();
            valid.push("nil");
            problems.push(FieldError::not_supported(
                "propagationPolicy",
                policy.as_str(),
                &valid,
            ));
        }
        problems.extend(dry_run_problems(&self.dry_run));
        problems
    }
}

/// `dryRun` knows one value.
pub fn dry_run_problems(values: &[String]) -> Vec<FieldError> {
    let wrong = values.iter().find(|value| *value != "All");
    wrong
        .map(|_| FieldError::not_supported("dryRun", values.to_vec(), &["All"]))
        .into_iter()
        .collect()
}
