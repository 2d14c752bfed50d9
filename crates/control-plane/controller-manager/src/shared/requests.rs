//! What controllers ask and answer alike.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions};
use styr_client::Error;

/// Deletes this very object, not one of the same name that came later.
pub(crate) fn exactly(metadata: &ObjectMeta) -> DeleteOptions {
    DeleteOptions {
        preconditions: Some(Preconditions {
            uid: metadata.uid.clone(),
            resource_version: None,
        }),
        ..DeleteOptions::default()
    }
}

/// What the server said, for those who read events and conditions.
pub(crate) fn told(error: &Error) -> String {
    error
        .status()
        .map_or_else(|| error.to_string(), |status| status.message.clone())
}
