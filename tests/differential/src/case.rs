//! A case: requests in their order, read from a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

/// One file of requests.
#[derive(Debug)]
pub struct Case {
    /// The file's name without its ending; also the namespace that the case has for itself.
    pub name: String,
    pub steps: Vec<Step>,
}

/// One request.
///
/// `${step.path.to.field}` in the request's line, its headers and its body is replaced by what the
/// same server answered to that earlier step; `$ns` by the case's namespace.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub name: String,
    /// Method, a space, path and query.
    pub request: String,
    /// Sent as JSON.
    #[serde(default)]
    pub body: Option<Value>,
    /// Sent as it is.
    #[serde(default)]
    pub text: Option<String>,
    /// The body's content type; of a body that is not said otherwise, JSON.
    #[serde(default, rename = "type")]
    pub content_type: Option<String>,
    #[serde(default)]
    pub accept: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    steps: Vec<Step>,
}

/// All cases of a folder, by name.
pub fn read_all(folder: &Path) -> Result<Vec<Case>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))?;
    let mut cases = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let text = fs::read_to_string(&path)
            .with_context(|| format!("could not read {}", path.display()))?;
        let file: File = serde_saphyr::from_str(&text)
            .with_context(|| format!("could not parse {}", path.display()))?;
        let name = path.file_stem().unwrap_or_default();
        cases.push(Case {
            name: name.to_string_lossy().into_owned(),
            steps: file.steps,
        });
    }
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(cases)
}

impl Step {
    /// The step with everything put in that it refers to.
    pub fn resolved(&self, namespace: &str, answers: &BTreeMap<String, Value>) -> Result<Self> {
        let fill = |text: &str| {
            filled(&text.replace("$ns", namespace), answers)
                .with_context(|| format!("in step {:?}", self.name))
        };
        let mut step = self.clone();
        step.request = fill(&self.request)?;
        step.text = self.text.as_deref().map(fill).transpose()?;
        if let Some(body) = &mut step.body {
            let text = fill(&body.to_string())?;
            *body = serde_json::from_str(&text).context("a reference breaks the body")?;
        }
        for value in step.headers.values_mut() {
            *value = fill(value)?;
        }
        Ok(step)
    }
}

fn filled(text: &str, answers: &BTreeMap<String, Value>) -> Result<String> {
    let Some((before, rest)) = text.split_once("${") else {
        return Ok(text.to_owned());
    };
    let (reference, after) = rest.split_once('}').context("a reference does not end")?;
    let (step, path) = reference.split_once('.').unwrap_or((reference, ""));
    let answer = answers
        .get(step)
        .with_context(|| format!("no step {step:?} came before"))?;
    let pointer = format!("/{}", path.replace('.', "/"));
    let value = answer.pointer(&pointer).map_or_else(String::new, |value| {
        let text = value.as_str().map(str::to_owned);
        text.unwrap_or_else(|| value.to_string())
    });
    Ok(format!("{before}{value}{}", filled(after, answers)?))
}
