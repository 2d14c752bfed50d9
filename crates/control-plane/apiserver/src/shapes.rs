//! Shapes of the documents that the server itself writes and reads: Status, Table, options.

use styr_schema::{Schema, Shape};

/// A type of `meta/v1`.
pub(crate) fn meta(name: &str) -> Shape {
    builtin(&format!("io.k8s.apimachinery.pkg.apis.meta.v1.{name}"))
}

/// A built-in type by its OpenAPI name.
pub(crate) fn builtin(name: &str) -> Shape {
    Schema::builtin()
        .shape(name)
        .expect("the generated table has every type that is served")
}

/// The list of a kind.
pub(crate) fn list_of(kind: &styr_api::Kind) -> Shape {
    kind.list_shape.clone()
}
