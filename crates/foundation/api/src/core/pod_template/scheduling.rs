//! Rules for tolerations, spreading and gates.

use serde_json::Value;
use styr_meta::field::Path;
use styr_meta::{FieldError, names};

use crate::{selector, tree};

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

pub(super) fn tolerations(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let path = path.child("tolerations");
    for (index, toleration) in tree::items(spec, "tolerations").iter().enumerate() {
        let at = path.index(index);
        let text = |field: &str| tree::text(toleration, field);
        let (key, operator, value, effect) =
            (text("key"), text("operator"), text("value"), text("effect"));
        if key.is_empty() && operator != "Exists" {
            let text = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.push(FieldError::invalid(at.child("operator"), operator, text));
        } else if !key.is_empty() {
            for text in names::qualified_name(key) {
                errors.push(FieldError::invalid(at.child("key"), key, text));
            }
        }
        if !tree::at(toleration, "tolerationSeconds").is_null() && effect != "NoExecute" {
            let text = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errors.push(FieldError::invalid(at.child("effect"), effect, text));
        }
        match operator {
            "" | "Equal" => {
                let texts = names::label_value(value);
                if !texts.is_empty() {
                    let text = texts.join(";");
                    errors.push(FieldError::invalid(at.child("operator"), value, text));
                }
            }
            "Exists" if !value.is_empty() => {
                let text = "value must be empty when `operator` is 'Exists'";
                errors.push(FieldError::invalid(at.child("operator"), value, text));
            }
            "Exists" | "Lt" | "Gt" => {}
            _ => {
                let known = ["Equal", "Exists"];
                errors.push(FieldError::not_supported(
                    at.child("operator"),
                    operator,
                    &known,
                ));
            }
        }
        if !effect.is_empty() && !EFFECTS.contains(&effect) {
            errors.push(FieldError::not_supported(
                at.child("effect"),
                effect,
                &EFFECTS,
            ));
        }
    }
}

pub(super) fn spread(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let path = path.child("topologySpreadConstraints");
    let all = tree::items(spec, "topologySpreadConstraints");
    for (index, constraint) in all.iter().enumerate() {
        let at = path.index(index);
        let skew = tree::number(constraint, "maxSkew");
        if skew <= 0 {
            errors.push(FieldError::invalid(
                at.child("maxSkew"),
                skew,
                "must be greater than zero",
            ));
        }
        if tree::text(constraint, "topologyKey").is_empty() {
            errors.push(FieldError::required(
                at.child("topologyKey"),
                "can not be empty",
            ));
        }
        let choices = ["DoNotSchedule", "ScheduleAnyway"];
        let choice = tree::text(constraint, "whenUnsatisfiable");
        if !choices.contains(&choice) {
            errors.push(FieldError::not_supported(
                at.child("whenUnsatisfiable"),
                choice,
                &choices,
            ));
        }
        domains(constraint, &at, errors);
        let same = |other: &&Value| {
            ["topologyKey", "whenUnsatisfiable"]
                .iter()
                .all(|field| tree::text(other, field) == tree::text(constraint, field))
        };
        if let Some(other) = all[index + 1..].iter().find(same) {
            let (key, when) = (
                tree::text(other, "topologyKey"),
                tree::text(other, "whenUnsatisfiable"),
            );
            let value = format!("{{{key}, {when}}}");
            errors.push(FieldError::duplicate(
                at.child("{topologyKey, whenUnsatisfiable}"),
                value,
            ));
        }
        let labels = tree::at(constraint, "labelSelector");
        errors.extend(selector::check(labels, &at.child("labelSelector")));
    }
}

fn domains(constraint: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let choice = tree::text(constraint, "whenUnsatisfiable");
    if let Some(count) = tree::at(constraint, "minDomains").as_i64() {
        let at = path.child("minDomains");
        if count <= 0 {
            errors.push(FieldError::invalid(&at, count, "must be greater than zero"));
        }
        if choice != "DoNotSchedule" {
            let text =
                format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {choice}");
            errors.push(FieldError::invalid(&at, count, text));
        }
    }
    let policies = ["Honor", "Ignore"];
    for field in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
        if let Some(policy) = tree::at(constraint, field).as_str()
            && !policies.contains(&policy)
        {
            errors.push(FieldError::not_supported(
                path.child(field),
                policy,
                &policies,
            ));
        }
    }
}

pub(super) fn gates(spec: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for (list, field) in [
        ("readinessGates", "conditionType"),
        ("schedulingGates", "name"),
    ] {
        let path = path.child(list);
        let mut seen = Vec::new();
        for (index, gate) in tree::items(spec, list).iter().enumerate() {
            let name = tree::text(gate, field);
            let at = path.index(index);
            for text in names::qualified_name(name) {
                let at = if list == "readinessGates" {
                    at.child(field)
                } else {
                    at.clone()
                };
                errors.push(FieldError::invalid(at, name, text));
            }
            if list == "schedulingGates" && seen.contains(&name) {
                errors.push(FieldError::duplicate(at, name));
            }
            seen.push(name);
        }
    }
}
