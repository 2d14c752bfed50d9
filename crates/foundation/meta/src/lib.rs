//! What every part of the cluster says about objects: metadata, names, selectors, quantities,
//! patches, and the `Status` that answers a request.
//!
//! All is pure and works on `serde_json::Value` trees and on texts.

pub mod field;
pub mod fields;
pub mod int_or_string;
pub mod labels;
pub mod names;
pub mod object;
pub mod patch;
mod quantity;
mod status;
pub mod time;
mod types;

pub use field::{FieldError, FieldErrorType};
pub use int_or_string::IntOrString;
pub use quantity::{Quantity, QuantityError};
pub use status::{Status, StatusCause, StatusDetails};
pub use types::{GroupKind, GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource};
