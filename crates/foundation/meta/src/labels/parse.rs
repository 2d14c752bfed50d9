//! Reads label selectors.

use serde_json::Value;

use super::{Operator, Requirement};
use crate::field::{FieldError, aggregate, quoted};
use crate::names;

/// A text or an object that is no label selector; says what upstream says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(String);

fn wrong<T>(text: String) -> Result<T, SelectorError> {
    Err(SelectorError(text))
}

/// A word, a sign, or the end (the empty text).
struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn split(&self) -> (&'a str, &'a str) {
        let rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let is_sign = |c: char| "=!(),<>".contains(c);
        let length = match rest.chars().next() {
            None => 0,
            Some('=') if rest.starts_with("==") => 2,
            Some('!') if rest.starts_with("!=") => 2,
            Some(c) if is_sign(c) => 1,
            Some(_) => {
                let ends = |c: char| is_sign(c) || " \t\r\n".contains(c);
                rest.find(ends).unwrap_or(rest.len())
            }
        };
        rest.split_at(length)
    }

    fn peek(&self) -> &'a str {
        self.split().0
    }

    fn next(&mut self) -> &'a str {
        let (token, rest) = self.split();
        self.rest = rest;
        token
    }
}

fn is_word(token: &str) -> bool {
    !token.is_empty() && !token.starts_with(['=', '!', '(', ')', ',', '<', '>'])
}

pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    let mut tokens = Tokens { rest: text };
    let mut requirements = Vec::new();
    loop {
        let token = tokens.peek();
        if token.is_empty() {
            return Ok(requirements);
        }
        if token != "!" && !is_word(token) {
            return wrong(format!(
                "found '{token}', expected: !, identifier, or 'end of string'"
            ));
        }
        let requirement = requirement(&mut tokens)
            .map_err(|error| SelectorError(format!("unable to parse requirement: {error}")))?;
        requirements.push(requirement);
        match tokens.next() {
            "" => return Ok(requirements),
            "," => {
                let token = tokens.peek();
                if token != "!" && !is_word(token) {
                    return wrong(format!("found '{token}', expected: identifier after ','"));
                }
            }
            token => {
                return wrong(format!("found '{token}', expected: ',' or 'end of string'"));
            }
        }
    }
}

fn requirement(tokens: &mut Tokens<'_>) -> Result<Requirement, SelectorError> {
    let mut key = tokens.next();
    let absent = key == "!";
    if absent {
        key = tokens.next();
    }
    if !is_word(key) {
        return wrong(format!("found '{key}', expected: identifier"));
    }
    check_key(key)?;
    if absent {
        return checked(key, Operator::DoesNotExist, Vec::new());
    }
    if matches!(tokens.peek(), "" | ",") {
        return checked(key, Operator::Exists, Vec::new());
    }
    match tokens.next() {
        "in" => checked(key, Operator::In, list(tokens)?),
        "notin" => checked(key, Operator::NotIn, list(tokens)?),
        "=" | "==" => checked(key, Operator::In, exact(tokens)?),
        "!=" => checked(key, Operator::NotIn, exact(tokens)?),
        ">" => checked(key, Operator::GreaterThan, exact(tokens)?),
        "<" => checked(key, Operator::LessThan, exact(tokens)?),
        token => wrong(format!(
            "found '{token}', expected: in, notin, =, ==, !=, gt, lt"
        )),
    }
}

fn exact(tokens: &mut Tokens<'_>) -> Result<Vec<String>, SelectorError> {
    if matches!(tokens.peek(), "" | ",") {
        return Ok(vec![String::new()]);
    }
    match tokens.next() {
        token if is_word(token) => Ok(vec![token.to_owned()]),
        token => wrong(format!("found '{token}', expected: identifier")),
    }
}

fn list(tokens: &mut Tokens<'_>) -> Result<Vec<String>, SelectorError> {
    let token = tokens.next();
    if token != "(" {
        return wrong(format!("found '{token}' expected: '('"));
    }
    let mut values = Vec::new();
    let mut pending = String::new();
    loop {
        match tokens.next() {
            "," => values.push(std::mem::take(&mut pending)),
            ")" => {
                values.push(pending);
                values.sort();
                values.dedup();
                return Ok(values);
            }
            token if is_word(token) && pending.is_empty() => token.clone_into(&mut pending),
            token if is_word(token) => {
                return wrong(format!("found '{token}', expected: ',' or ')'"));
            }
            token => return wrong(format!("found '{token}', expected: ',', or identifier")),
        }
    }
}

fn check_key(key: &str) -> Result<(), SelectorError> {
    match names::qualified_name(key).as_slice() {
        [] => Ok(()),
        texts => wrong(FieldError::invalid("<nil>", key, texts.join("; ")).to_string()),
    }
}

/// A comparison whose key and values are valid.
fn checked(
    key: &str,
    operator: Operator,
    values: Vec<String>,
) -> Result<Requirement, SelectorError> {
    let mut errors = Vec::new();
    if matches!(operator, Operator::GreaterThan | Operator::LessThan)
        && values
            .first()
            .is_none_or(|value| value.parse::<i64>().is_err())
    {
        let value = values.first().cloned().unwrap_or_default();
        let text = "for 'Gt', 'Lt' operators, the value must be an integer";
        errors.push(FieldError::invalid("values[0]", value, text));
    }
    for (index, value) in values.iter().enumerate() {
        let texts = names::label_value(value);
        if !texts.is_empty() {
            let field = format!("values[{index}][{key}]");
            errors.push(FieldError::invalid(field, value.as_str(), texts.join("; ")));
        }
    }
    if errors.is_empty() {
        Ok(Requirement {
            key: key.to_owned(),
            operator,
            values,
        })
    } else {
        wrong(aggregate(&errors))
    }
}

/// One entry of `matchExpressions`.
pub(super) fn expression(expression: &Value) -> Result<Requirement, SelectorError> {
    let key = expression["key"].as_str().unwrap_or_default();
    let values = expression["values"].as_array().into_iter().flatten();
    let mut values: Vec<String> = values
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    values.sort();
    let operator = match expression["operator"].as_str().unwrap_or_default() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        other => {
            return wrong(format!(
                "{} is not a valid label selector operator",
                quoted(other)
            ));
        }
    };
    check_key(key)?;
    let needs_values = matches!(operator, Operator::In | Operator::NotIn);
    if needs_values && values.is_empty() {
        let text = "for 'in', 'notin' operators, values set can't be empty";
        return wrong(FieldError::invalid("values", Vec::<Value>::new(), text).to_string());
    }
    if !needs_values && !values.is_empty() {
        let text = "values set must be empty for exists and does not exist";
        return wrong(FieldError::invalid("values", values, text).to_string());
    }
    checked(key, operator, values)
}
