//! The table of kinds as the server sees it.

mod rules;
mod table;
