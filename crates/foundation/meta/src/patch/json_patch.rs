//! JSON patch, with upstream's limit of operations.

use serde_json::Value;

use super::PatchError;

/// Upstream refuses patches with more operations.
const OPERATIONS_MAX: usize = 10_000;

/// Applies a JSON patch; the target is unchanged if it fails.
pub fn json_patch(target: &Value, patch: &Value) -> Result<Value, PatchError> {
    let Some(operations) = patch.as_array() else {
        let text = "error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch";
        return Err(PatchError::Malformed(text.to_owned()));
    };
    if operations.len() > OPERATIONS_MAX {
        let count = operations.len();
        return Err(PatchError::Malformed(format!(
            "The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {count}"
        )));
    }
    let mut out = target.clone();
    for operation in operations {
        apply(&mut out, operation)?;
    }
    Ok(out)
}

fn apply(target: &mut Value, operation: &Value) -> Result<(), PatchError> {
    let path = operation["path"].as_str().unwrap_or_default().to_owned();
    let name = operation["op"].as_str().unwrap_or_default().to_owned();
    // Upstream's library lets a missing value of `test` stand for null, and takes a missing
    // target of `remove` as an error.
    let parsed: json_patch::PatchOperation = serde_json::from_value(operation.clone())
        .map_err(|error| PatchError::Malformed(format!("error decoding patch: {error}")))?;
    json_patch::patch(target, std::slice::from_ref(&parsed)).map_err(|error| {
        let text = match name.as_str() {
            "test" => format!("testing value {path} failed: test failed"),
            "remove" | "replace" | "copy" | "move" => format!(
                "{name} operation does not apply: doc is missing key: {path}: missing value"
            ),
            _ => format!("{name} operation does not apply: {error}"),
        };
        PatchError::DoesNotApply(text)
    })
}
