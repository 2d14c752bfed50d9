//! Values that do not fit their types, with the path to each, in upstream's words.

use std::fmt;

use super::element::PathElement;

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invalid {
    problems: Vec<(String, String)>,
}

impl Invalid {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            problems: vec![(String::new(), message.into())],
        }
    }

    /// A problem with one of the items of a list.
    pub(super) fn item(at: usize, message: &str) -> Self {
        Self::new(format!("element {at}: {message}"))
    }

    #[must_use]
    pub(super) fn below(mut self, element: &PathElement) -> Self {
        for (path, _) in &mut self.problems {
            path.insert_str(0, &element.to_string());
        }
        self
    }

    pub(super) fn add(&mut self, found: Result<(), Self>) {
        if let Err(more) = found {
            self.problems.extend(more.problems);
        }
    }

    pub(super) fn into_result(self) -> Result<(), Self> {
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(self)
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |(path, message): &(String, String)| {
            if path.is_empty() {
                message.clone()
            } else {
                format!("{path}: {message}")
            }
        };
        if let [problem] = self.problems.as_slice() {
            return f.write_str(&one(problem));
        }
        f.write_str("errors:")?;
        let mut problems = self.problems.iter();
        problems.try_for_each(|problem| write!(f, "\n  {}", one(problem)))
    }
}

impl std::error::Error for Invalid {}
