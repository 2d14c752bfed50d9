//! An API server with a few objects that never change.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};
use styr_kernel::netns::NetNs;

/// What the server has, besides the nodes `a` and `b`.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) services: Vec<Service>,
    pub(super) slices: Vec<EndpointSlice>,
}

/// Answers lists at an address of the namespace until the test ends; where that is.
pub(super) fn serve_objects(netns: &NetNs, ip: Ipv4Addr, objects: &Objects) -> String {
    let lists = Arc::new([
        (
            "/api/v1/services",
            list("v1", "ServiceList", json!(objects.services)),
        ),
        (
            "/apis/discovery.k8s.io/v1/endpointslices",
            list(
                "discovery.k8s.io/v1",
                "EndpointSliceList",
                json!(objects.slices),
            ),
        ),
        (
            "/apis/networking.k8s.io/v1/servicecidrs",
            list(
                "networking.k8s.io/v1",
                "ServiceCIDRList",
                json!([{
                    "metadata": { "name": "kubernetes", "uid": "kubernetes", "resourceVersion": "1" },
                    "spec": { "cidrs": ["10.96.0.0/16"] },
                }]),
            ),
        ),
    ]);
    let listener = netns.run(|| TcpListener::bind((ip, 0)).unwrap()).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let lists = Arc::clone(&lists);
            std::thread::spawn(move || {
                // The client may go at any time.
                let _ = answer_all(stream.unwrap(), &lists[..]);
            });
        }
    });
    format!("http://{ip}:{port}")
}

fn list(version: &str, kind: &str, items: impl Into<Value>) -> Value {
    let metadata = json!({ "resourceVersion": "1" });
    json!({ "kind": kind, "apiVersion": version, "metadata": metadata, "items": items.into() })
}

fn node(name: &str) -> Value {
    let number = if name == "a" { 1 } else { 2 };
    let range = format!("10.244.{number}.0/24");
    let address = json!({ "type": "InternalIP", "address": format!("192.0.2.{number}") });
    json!({
        "kind": "Node", "apiVersion": "v1",
        "metadata": { "name": name, "uid": name, "resourceVersion": "1" },
        "spec": { "podCIDR": range, "podCIDRs": [range] },
        "status": { "addresses": [address] },
    })
}

/// Answers one request after the other. A watch has no events and ends with the connection.
fn answer_all(stream: TcpStream, lists: &[(&str, Value)]) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let Some(target) = request(&mut reader)? else {
            return Ok(());
        };
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let found = match path {
            "/api/v1/nodes" => {
                let is_a = query.contains("metadata.name%3Da");
                let name = if is_a { "a" } else { "b" };
                Some(list("v1", "NodeList", json!([node(name)])))
            }
            "/api/v1/nodes/a" => Some(node("a")),
            "/api/v1/nodes/b" => Some(node("b")),
            _ => lists
                .iter()
                .find(|(own, _)| *own == path)
                .map(|(_, list)| list.clone()),
        };
        let is_watch = query.contains("watch=true");
        match found {
            // Clients list instead.
            Some(_) if query.contains("sendInitialEvents") => {
                reply(
                    &mut stream,
                    422,
                    &json!({ "kind": "Status", "apiVersion": "v1",
                    "status": "Failure", "reason": "Invalid", "code": 422 }),
                )?;
            }
            Some(_) if is_watch => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                    transfer-encoding: chunked\r\n\r\n";
                stream.write_all(head.as_bytes())?;
                return reader.read_to_end(&mut Vec::new()).map(|_| ());
            }
            Some(found) => reply(&mut stream, 200, &found)?,
            None => reply(
                &mut stream,
                404,
                &json!({ "kind": "Status", "apiVersion": "v1",
                "status": "Failure", "reason": "NotFound", "code": 404 }),
            )?,
        }
    }
}

/// Reads a request to its end; its target.
fn request(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(number) = line.strip_prefix("content-length: ") {
            length = number.parse().unwrap();
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    Ok(first.split(' ').nth(1).map(str::to_owned))
}

fn reply(stream: &mut TcpStream, code: u16, body: &Value) -> std::io::Result<()> {
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {code} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
