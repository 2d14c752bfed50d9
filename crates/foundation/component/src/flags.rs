//! Upstream's command-line flags, read by table.
//!
//! A flag that upstream knows and the component does not heed is accepted at its default and is an
//! error otherwise: nobody should believe that a setting took effect. Syntax is pflag's:
//! `--name=value`, `--name value`, a bare `--bool`, `-v 2`, `--` ends the flags; `_` reads as `-`.

mod duration;
mod near;
mod upstream;

use std::collections::BTreeMap;
use std::time::Duration;

pub use duration::parse_duration;

/// One known flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub name: &'static str,
    /// Upstream's name of the type: `string`, `bool`, `duration`, `strings` ...
    pub kind: &'static str,
    /// The default as upstream prints it: `[a,b]` for lists, empty for none.
    pub default: &'static str,
    /// What a bare `--name` means; empty if a value must follow.
    pub no_value: &'static str,
}

/// Why the command line was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FlagError {
    /// No component of that name has a flag table.
    #[error("no flags are known for component {0}")]
    Component(String),
    /// Upstream does not know the flag either.
    #[error("unknown flag: --{name}{}", near_text(.near))]
    Unknown {
        /// As it was written.
        name: String,
        /// Known flags that look alike.
        near: Vec<&'static str>,
    },
    /// Upstream knows it, this component does not heed it.
    #[error("flag --{name} is not implemented, and is accepted only at its default {default:?}")]
    NotHeeded {
        /// The flag.
        name: &'static str,
        /// The one value that is accepted.
        default: &'static str,
    },
    /// The last argument is a flag that needs a value.
    #[error("flag needs an argument: --{0}")]
    NoValue(String),
    /// The value is not of the flag's type.
    #[error("invalid argument {value:?} for --{name} flag: {reason}")]
    Value {
        /// The flag.
        name: &'static str,
        /// As it was written.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that is not a flag.
    #[error("unknown command or argument {0:?}")]
    Argument(String),
}

fn near_text(near: &[&str]) -> String {
    if near.is_empty() {
        return String::new();
    }
    format!(", did you mean --{}?", near.join(" or --"))
}

/// The values of a component's flags.
#[derive(Debug, Clone)]
pub struct Flags {
    known: Vec<Flag>,
    given: BTreeMap<&'static str, Vec<String>>,
}

/// Upstream's flags of a component, or nothing if upstream has no such component.
pub fn upstream(component: &str) -> Option<Vec<Flag>> {
    upstream::of(component)
}

impl Flags {
    /// Reads `args` (without the program name) by upstream's table of `component`.
    pub fn parse(
        component: &str,
        heeded: &[&str],
        args: impl IntoIterator<Item = String>,
    ) -> Result<Self, FlagError> {
        let known =
            upstream::of(component).ok_or_else(|| FlagError::Component(component.to_owned()))?;
        Self::parse_table(known, heeded, args)
    }

    /// Reads `args` by a table of our own; every flag in it is heeded.
    pub fn parse_own(
        known: &[Flag],
        args: impl IntoIterator<Item = String>,
    ) -> Result<Self, FlagError> {
        let heeded: Vec<&str> = known.iter().map(|flag| flag.name).collect();
        Self::parse_table(known.to_vec(), &heeded, args)
    }

    /// Reads `args` by any table.
    pub fn parse_table(
        known: Vec<Flag>,
        heeded: &[&str],
        args: impl IntoIterator<Item = String>,
    ) -> Result<Self, FlagError> {
        let mut flags = Self {
            known,
            given: BTreeMap::new(),
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            if arg == "--" {
                return match args.next() {
                    None => Ok(flags),
                    Some(rest) => Err(FlagError::Argument(rest)),
                };
            }
            let Some(body) = flag_body(&arg) else {
                return Err(FlagError::Argument(arg));
            };
            let (name, inline) = match body.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (body, None),
            };
            let flag = flags.look_up(name)?;
            let value = match inline {
                Some(value) => value,
                None if !flag.no_value.is_empty() => flag.no_value.to_owned(),
                None => args
                    .next()
                    .ok_or_else(|| FlagError::NoValue(flag.name.to_owned()))?,
            };
            check_type(flag, &value)?;
            if !heeded.contains(&flag.name) && !is_default(flag, &value) {
                return Err(FlagError::NotHeeded {
                    name: flag.name,
                    default: flag.default,
                });
            }
            flags.given.entry(flag.name).or_default().push(value);
        }
        Ok(flags)
    }

    fn look_up(&self, written: &str) -> Result<Flag, FlagError> {
        let name = written.replace('_', "-");
        self.known
            .iter()
            .find(|flag| flag.name == name)
            .copied()
            .ok_or_else(|| FlagError::Unknown {
                name: written.to_owned(),
                near: near::names(&name, self.known.iter().map(|flag| flag.name)),
            })
    }

    fn flag(&self, name: &str) -> Flag {
        *self
            .known
            .iter()
            .find(|flag| flag.name == name)
            .unwrap_or_else(|| panic!("the component reads a flag that is in no table: {name}"))
    }

    fn last(&self, name: &str) -> &str {
        let flag = self.flag(name);
        self.given
            .get(name)
            .and_then(|values| values.last())
            .map_or(flag.default, String::as_str)
    }

    /// Whether the flag stands on the command line.
    pub fn is_set(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// The value as it was written, or the default.
    pub fn string(&self, name: &str) -> String {
        self.last(name).to_owned()
    }

    /// The value, unless it is empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        Some(self.string(name)).filter(|value| !value.is_empty())
    }

    /// A list: commas and repetition both add; without the flag, the default.
    pub fn strings(&self, name: &str) -> Vec<String> {
        let flag = self.flag(name);
        match self.given.get(name) {
            Some(values) => values.iter().flat_map(|value| list(value)).collect(),
            None => list(flag.default),
        }
    }

    /// A list whose entries may hold commas: only repetition adds.
    pub fn repeated(&self, name: &str) -> Vec<String> {
        match self.given.get(name) {
            Some(values) => values.clone(),
            None => list(self.flag(name).default),
        }
    }

    /// A truth value.
    pub fn bool(&self, name: &str) -> bool {
        parse_bool(self.last(name)).unwrap_or(false)
    }

    /// A whole number; 0 where upstream prints no default.
    pub fn int(&self, name: &str) -> i64 {
        self.last(name).parse().unwrap_or(0)
    }

    /// A number with a fraction.
    pub fn float(&self, name: &str) -> f64 {
        self.last(name).parse().unwrap_or(0.0)
    }

    /// A Go duration.
    pub fn duration(&self, name: &str) -> Duration {
        parse_duration(self.last(name)).unwrap_or_default()
    }

    /// `key=value` pairs.
    pub fn map(&self, name: &str) -> BTreeMap<String, String> {
        self.strings(name)
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }
}

fn flag_body(arg: &str) -> Option<&str> {
    if let Some(long) = arg.strip_prefix("--") {
        return Some(long).filter(|body| !body.is_empty());
    }
    arg.strip_prefix('-')
        .filter(|short| *short == "v" || short.starts_with("v=") || *short == "h")
}

fn list(text: &str) -> Vec<String> {
    let inner = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    inner
        .split(',')
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn is_default(flag: Flag, value: &str) -> bool {
    match flag.kind {
        "bool" => parse_bool(value) == parse_bool(flag.default),
        "duration" => parse_duration(value) == parse_duration(flag.default),
        _ => value == flag.default || list(value) == list(flag.default),
    }
}

fn check_type(flag: Flag, value: &str) -> Result<(), FlagError> {
    let reason = match flag.kind {
        "bool" if parse_bool(value).is_none() => {
            format!("strconv.ParseBool: parsing {value:?}: invalid syntax")
        }
        "int" | "int32" | "Level" | "int64" if value.parse::<i64>().is_err() => {
            format!("strconv.ParseInt: parsing {value:?}: invalid syntax")
        }
        "float" | "float32" | "float64" if value.parse::<f64>().is_err() => {
            format!("strconv.ParseFloat: parsing {value:?}: invalid syntax")
        }
        "duration" if parse_duration(value).is_none() => {
            format!("time: invalid duration {value:?}")
        }
        "ip" if !value.is_empty() && value.parse::<std::net::IpAddr>().is_err() => {
            format!("failed to parse IP: {value:?}")
        }
        _ => return Ok(()),
    };
    Err(FlagError::Value {
        name: flag.name,
        value: value.to_owned(),
        reason,
    })
}

#[cfg(test)]
mod tests;
