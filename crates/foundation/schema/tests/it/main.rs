//! The schema as its users see it.

#[cfg(test)]
mod managed;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod strategic;
#[cfg(test)]
mod texts;
