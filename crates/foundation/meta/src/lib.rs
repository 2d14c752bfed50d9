//! What every part of the cluster says about objects: metadata, names, selectors, quantities,
//! patches, and the `Status` that answers a request.
//!
//! All is pure and works on `serde_json::Value` trees and on texts.

pub mod field;
pub mod fields;
pub mod int_or_string;
mod kinds;
pub mod labels;
pub mod names;
pub mod object;
pub mod patch;
mod quantity;
mod status;
pub mod time;

pub use field::{FieldError, FieldErrorType};
pub use int_or_string::IntOrString;
pub use kinds::{GroupKind, GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource};
pub use quantity::{Quantity, QuantityError};
pub use status::{Status, StatusCause, StatusDetails};
