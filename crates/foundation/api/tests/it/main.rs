//! The table of kinds as the server sees it.

mod openapi;
mod rules;
mod table;
