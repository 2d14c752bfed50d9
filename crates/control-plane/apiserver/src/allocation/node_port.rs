//! The node ports of one service.

use serde_json::Value;
use styr_meta::FieldError;

use super::port_set::Ports;

/// A port and its protocol.
pub(super) type NodePort = (u16, String);

/// Whether a service has node ports.
fn needs(service: &Value) -> bool {
    match service["spec"]["type"].as_str().unwrap_or("") {
        "NodePort" => true,
        "LoadBalancer" => service["spec"]["allocateLoadBalancerNodePorts"] != false,
        _ => false,
    }
}

/// Whether a service has a port for health checks of its load balancer.
fn needs_health_check(service: &Value) -> bool {
    service["spec"]["type"] == "LoadBalancer" && service["spec"]["externalTrafficPolicy"] == "Local"
}

/// All node ports of a stored service.
pub(super) fn owned(service: &Value) -> Vec<NodePort> {
    let ports = service["spec"]["ports"].as_array();
    let mut owned: Vec<NodePort> = ports
        .into_iter()
        .flatten()
        .filter_map(|port| Some((number(&port["nodePort"])?, protocol(port))))
        .collect();
    owned.extend(
        number(&service["spec"]["healthCheckNodePort"]).map(|port| (port, "TCP".to_owned())),
    );
    owned.sort();
    owned.dedup();
    owned
}

fn number(value: &Value) -> Option<u16> {
    u16::try_from(value.as_u64()?).ok().filter(|port| *port > 0)
}

fn protocol(port: &Value) -> String {
    port["protocol"].as_str().unwrap_or("TCP").to_owned()
}

/// Takes ports that are asked for, and any for those that are not; what is `already` the service's
/// own is kept. What was taken stands in `taken`, on an error too.
pub(super) fn take(
    ports: &Ports,
    service: &mut Value,
    already: &[NodePort],
    taken: &mut Vec<NodePort>,
) -> Result<(), FieldError> {
    if needs(service) {
        take_ports(ports, service, already, taken)?;
    }
    if needs_health_check(service) {
        let asked = number(&service["spec"]["healthCheckNodePort"]);
        let field = "spec.healthCheckNodePort";
        let port = one(ports, (asked, "TCP"), already, taken).map_err(|why| {
            let detail =
                format!("failed to allocate requested HealthCheck NodePort {asked:?}: {why}");
            FieldError::invalid(field, asked.unwrap_or(0), detail)
        })?;
        service["spec"]["healthCheckNodePort"] = port.into();
    }
    Ok(())
}

fn take_ports(
    ports: &Ports,
    service: &mut Value,
    already: &[NodePort],
    taken: &mut Vec<NodePort>,
) -> Result<(), FieldError> {
    let Some(list) = service["spec"]["ports"].as_array_mut() else {
        return Ok(());
    };
    // Ports that are asked for come first, so that none of them is given to another.
    let mut order: Vec<usize> = (0..list.len()).collect();
    order.sort_by_key(|index| number(&list[*index]["nodePort"]).is_none());
    // The same port of two protocols keeps one number.
    let mut shared: Vec<(u64, u16)> = Vec::new();
    for index in order {
        let protocol = protocol(&list[index]);
        let port = list[index]["port"].as_u64().unwrap_or(0);
        let asked = number(&list[index]["nodePort"]);
        let sibling = shared
            .iter()
            .find(|(it, _)| *it == port)
            .map(|(_, node_port)| *node_port);
        let wanted = asked.or(sibling);
        let node_port = match one(ports, (wanted, &protocol), already, taken) {
            Err(_) if asked.is_none() && wanted.is_some() => {
                one(ports, (None, &protocol), already, taken)
            }
            outcome => outcome,
        };
        let node_port = node_port.map_err(|why| {
            let field = format!("spec.ports[{index}].nodePort");
            FieldError::invalid(field, asked.unwrap_or(0), why)
        })?;
        shared.push((port, node_port));
        list[index]["nodePort"] = node_port.into();
    }
    Ok(())
}

fn one(
    ports: &Ports,
    (wanted, protocol): (Option<u16>, &str),
    already: &[NodePort],
    taken: &mut Vec<NodePort>,
) -> Result<u16, String> {
    let port = match wanted {
        Some(port) => {
            let own = (port, protocol.to_owned());
            if already.contains(&own) || taken.contains(&own) {
                return Ok(port);
            }
            ports.take(port, protocol).map_err(|why| why.to_string())?;
            port
        }
        None => ports.take_any(protocol).map_err(|why| why.to_string())?,
    };
    taken.push((port, protocol.to_owned()));
    Ok(port)
}

/// Keeps the node ports of ports that have not changed, where the writer is silent.
pub(super) fn keep(new: &mut Value, old: &Value) {
    if needs(new) && needs(old) {
        let old_ports = old["spec"]["ports"].as_array().cloned().unwrap_or_default();
        let mut used: Vec<u16> = Vec::new();
        for port in new["spec"]["ports"].as_array_mut().into_iter().flatten() {
            used.extend(number(&port["nodePort"]));
        }
        for port in new["spec"]["ports"].as_array_mut().into_iter().flatten() {
            if number(&port["nodePort"]).is_some() {
                continue;
            }
            let same = old_ports
                .iter()
                .find(|it| it["port"] == port["port"] && protocol(it) == protocol(port));
            if let Some(kept) = same.and_then(|it| number(&it["nodePort"]))
                && !used.contains(&kept)
            {
                port["nodePort"] = kept.into();
            }
        }
    }
    if !needs(new) && needs(old) {
        drop_unchanged(new, old);
    }
    let kept = &old["spec"]["healthCheckNodePort"];
    if needs_health_check(new) && needs_health_check(old) && number(kept).is_some() {
        let is_unset = number(&new["spec"]["healthCheckNodePort"]).is_none();
        if is_unset {
            new["spec"]["healthCheckNodePort"] = kept.clone();
        }
    }
}

/// A service that no longer has node ports loses those that it did not ask for anew.
fn drop_unchanged(new: &mut Value, old: &Value) {
    if new["spec"]["ports"].as_array().map(Vec::len)
        != old["spec"]["ports"].as_array().map(Vec::len)
    {
        return;
    }
    for port in new["spec"]["ports"].as_array_mut().into_iter().flatten() {
        if let Some(port) = port.as_object_mut() {
            port.remove("nodePort");
        }
    }
}
