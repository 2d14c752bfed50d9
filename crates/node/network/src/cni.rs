//! The CNI plugin, specification 1.1: ADD, DEL, CHECK, GC, STATUS, VERSION.
//!
//! See <https://www.cni.dev/docs/spec/>. The request comes in the environment and on standard
//! input, the answer goes to standard output. DEL may come late, twice, or without a namespace.

mod attach;
mod error;
mod host_ports;
mod loopback;
mod request;
mod result;
mod state;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

use error::{CniError, Code};
use request::{NetworkConfig, Request};

/// The versions that we speak, oldest first.
const VERSIONS: [&str; 5] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
/// A network configuration is a few hundred bytes; GC lists every pod of the node.
const INPUT_MAX: u64 = 4 << 20;

/// Answers one CNI call of this process: the environment says which, standard input has the rest.
pub fn cni_command() -> ExitCode {
    let environment: BTreeMap<String, String> = std::env::vars()
        .filter(|(name, _)| name.starts_with("CNI_"))
        .collect();
    let mut input = Vec::new();
    let read = std::io::stdin().take(INPUT_MAX).read_to_end(&mut input);
    let outcome = match read {
        Ok(_) => answer(&environment, &input),
        Err(error) => Err(CniError::new(
            Code::Io,
            "could not read standard input",
            &error,
        )),
    };
    let (text, code) = match outcome {
        Ok(Value::Null) => return ExitCode::SUCCESS,
        Ok(answer) => (answer, ExitCode::SUCCESS),
        Err(error) => (error.to_json(&version_of(&input)), ExitCode::FAILURE),
    };
    let mut stdout = std::io::stdout().lock();
    // At once: this stream is written line by line otherwise, and whoever reads is woken for each.
    let text = format!("{text:#}\n");
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Ok(()) => code,
        // Nobody is left to be told.
        Err(_) => ExitCode::FAILURE,
    }
}

/// The version that the caller speaks, as far as it can be made out.
fn version_of(input: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(input).ok();
    parsed
        .as_ref()
        .and_then(|config| config["cniVersion"].as_str())
        .unwrap_or("1.1.0")
        .to_owned()
}

/// Does what is asked. `Null` means success without anything to say.
fn answer(environment: &BTreeMap<String, String>, input: &[u8]) -> Result<Value, CniError> {
    let command = environment.get("CNI_COMMAND").map_or("", String::as_str);
    if command == "VERSION" {
        return Ok(json!({ "cniVersion": version_of(input), "supportedVersions": VERSIONS }));
    }
    let config = NetworkConfig::parse(input)?;
    if config.kind == "loopback" {
        return loopback::answer(command, || Request::parse(environment, true), &config);
    }
    match command {
        "ADD" => attach::add(&Request::parse(environment, true)?, &config),
        "DEL" => attach::delete(&Request::parse(environment, false)?, &config),
        "CHECK" => attach::check(&Request::parse(environment, true)?, &config),
        "GC" => attach::collect(&config),
        "STATUS" => attach::status(&config),
        other => Err(CniError::plain(
            Code::Environment,
            format!("CNI_COMMAND {other:?} is not known"),
        )),
    }
}

/// The whole plugin but for the process around it; errors as the caller would read them.
#[cfg(test)]
pub(crate) fn answer_for_tests(
    environment: &BTreeMap<String, String>,
    input: &[u8],
) -> Result<Value, Value> {
    answer(environment, input).map_err(|error| error.to_json("1.1.0"))
}

#[cfg(test)]
mod tests;
