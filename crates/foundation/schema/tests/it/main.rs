//! The schema as its users see it.

mod recorded;
mod strategic;
mod texts;
