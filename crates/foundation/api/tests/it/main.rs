//! The table of kinds as the server sees it.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod table;
