//! `{{name}}` in embedded YAML, filled from a list. A name without a value is a bug of this crate.

/// Values by name.
pub(crate) type Values = Vec<(&'static str, String)>;

/// Replaces every `{{name}}` of `text`.
///
/// # Panics
/// If a name is not in `values`: texts and values are both part of the program.
pub(crate) fn fill(text: &str, values: &Values) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let end = rest[start..]
            .find("}}")
            .expect("every placeholder is closed")
            + start;
        let name = rest[start + 2..end].trim();
        let (_, value) = values
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("no value for placeholder {name:?}"));
        out.push_str(&rest[..start]);
        out.push_str(value);
        rest = &rest[end + 2..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_every_place() {
        let values = vec![("a", "1".to_owned()), ("b", "2".to_owned())];
        assert_eq!(fill("{{a}}-{{ b }}-{{a}}", &values), "1-2-1");
    }

    #[test]
    #[should_panic(expected = "no value for placeholder \"c\"")]
    fn a_name_without_a_value_is_a_bug() {
        fill("{{c}}", &Values::new());
    }
}
