//! Options and operands, as Go's command line packages read them.

use std::collections::VecDeque;

use anyhow::{Context, bail};

#[derive(Debug)]
pub(super) struct Arguments(VecDeque<String>);

impl Arguments {
    pub(super) fn new(arguments: &[String]) -> Self {
        Self(arguments.iter().cloned().collect())
    }

    pub(super) fn next(&mut self) -> Option<String> {
        self.0.pop_front()
    }

    /// The value of an option: after `=`, or the next argument.
    pub(super) fn value(&mut self, option: &str, given: Option<&str>) -> anyhow::Result<String> {
        match given {
            Some(value) => Ok(value.to_owned()),
            None => self
                .next()
                .with_context(|| format!("--{option} needs a value")),
        }
    }

    /// Reads options until the operands, which it answers. `heed` answers whether it knows an
    /// option, and takes its value from the arguments if it has one.
    pub(super) fn operands(
        &mut self,
        mut heed: impl FnMut(&str, Option<&str>, &mut Self) -> anyhow::Result<bool>,
    ) -> anyhow::Result<Vec<String>> {
        while let Some(argument) = self.next() {
            if argument == "--" {
                break;
            }
            let Some((name, value)) = option(&argument) else {
                self.0.push_front(argument);
                break;
            };
            if !heed(name, value, self)? {
                bail!("unknown option {argument}");
            }
        }
        Ok(self.0.drain(..).collect())
    }
}

/// Name and value of an option; `None` for an operand.
pub(super) fn option(argument: &str) -> Option<(&str, Option<&str>)> {
    let text = argument
        .strip_prefix("--")
        .or_else(|| argument.strip_prefix('-'))?;
    if text.is_empty() {
        return None;
    }
    Some(match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    })
}

/// The one operand of a command.
pub(super) fn single(operands: Vec<String>) -> anyhow::Result<String> {
    let found: Result<[String; 1], _> = operands.try_into();
    match found {
        Ok([operand]) => Ok(operand),
        Err(found) => bail!("one container id is needed, not {}", found.len()),
    }
}
