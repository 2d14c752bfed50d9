//! Rules for what a container mounts, and for the block devices that it is given.

use std::collections::BTreeSet;

use serde_json::Value;
use styr_meta::FieldError;
use styr_meta::field::Path;

use super::volume::{self, Known};
use crate::tree;

pub(super) fn check(
    container: &Value,
    path: &Path,
    volumes: &Known<'_>,
    errors: &mut Vec<FieldError>,
) {
    let mounts = tree::items(container, "volumeMounts");
    let devices = tree::items(container, "volumeDevices");
    let at = path.child("volumeMounts");
    let mut paths = BTreeSet::new();
    for (index, mount) in mounts.iter().enumerate() {
        let it = at.index(index);
        let name = tree::text(mount, "name");
        if name.is_empty() {
            errors.push(FieldError::required(it.child("name"), ""));
        }
        if !volumes.contains_key(name) {
            errors.push(FieldError::not_found(it.child("name"), name));
        }
        let target = tree::text(mount, "mountPath");
        if target.is_empty() {
            errors.push(FieldError::required(it.child("mountPath"), ""));
        }
        if !paths.insert(target) {
            errors.push(FieldError::invalid(
                it.child("mountPath"),
                target,
                "must be unique",
            ));
        }
        if devices
            .iter()
            .any(|device| tree::text(device, "name") == name)
        {
            let text = "must not already exist in volumeDevices";
            errors.push(FieldError::invalid(it.child("name"), name, text));
        }
        // Upstream names the list rather than its item here.
        for field in ["subPath", "subPathExpr"] {
            let sub = tree::text(mount, field);
            if !sub.is_empty() {
                volume::descending(sub, &at.child(field), errors);
            }
        }
        if !tree::text(mount, "subPath").is_empty() && !tree::text(mount, "subPathExpr").is_empty()
        {
            let text = "subPathExpr and subPath are mutually exclusive";
            let value = tree::text(mount, "subPathExpr");
            errors.push(FieldError::invalid(it.child("subPathExpr"), value, text));
        }
        propagation(mount, container, &at.child("mountPropagation"), errors);
        recursive(mount, &at.child("recursiveReadOnly"), errors);
    }
    for (index, device) in devices.iter().enumerate() {
        let name = tree::text(device, "name");
        if mounts.iter().any(|mount| tree::text(mount, "name") == name) {
            let at = path.child("volumeDevices").index(index).child("name");
            let text = "must not already exist in volumeMounts";
            errors.push(FieldError::invalid(at, name, text));
        }
    }
    block_devices(devices, volumes, &path.child("volumeDevices"), errors);
}

fn propagation(mount: &Value, container: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let modes = ["Bidirectional", "HostToContainer", "None"];
    let Some(mode) = tree::at(mount, "mountPropagation").as_str() else {
        return;
    };
    if !modes.contains(&mode) {
        errors.push(FieldError::not_supported(path, mode, &modes));
    }
    if mode == "Bidirectional" && !tree::is_true(container, "securityContext.privileged") {
        let text = "Bidirectional mount propagation is available only to privileged containers";
        errors.push(FieldError::forbidden(path, text));
    }
}

fn recursive(mount: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let modes = ["Disabled", "Enabled", "IfPossible"];
    let Some(mode) = tree::at(mount, "recursiveReadOnly").as_str() else {
        return;
    };
    if !modes.contains(&mode) {
        errors.push(FieldError::not_supported(path, mode, &modes));
        return;
    }
    if mode != "Disabled" && !tree::is_true(mount, "readOnly") {
        let text = "may only be specified when readOnly is true";
        errors.push(FieldError::forbidden(path, text));
    }
    let propagation = tree::text(mount, "mountPropagation");
    if mode != "Disabled" && !matches!(propagation, "" | "None") {
        let text = "may only be specified when mountPropagation is None or not specified";
        errors.push(FieldError::forbidden(path, text));
    }
}

fn block_devices(
    devices: &[Value],
    volumes: &Known<'_>,
    path: &Path,
    errors: &mut Vec<FieldError>,
) {
    let mut names = BTreeSet::new();
    for (index, device) in devices.iter().enumerate() {
        let at = path.index(index);
        let name = tree::text(device, "name");
        if name.is_empty() {
            errors.push(FieldError::required(at.child("name"), ""));
        }
        if !names.insert(name) {
            errors.push(FieldError::invalid(
                at.child("name"),
                name,
                "must be unique",
            ));
        }
        match volumes.get(name).copied() {
            None => errors.push(FieldError::not_found(at.child("name"), name)),
            Some("persistentVolumeClaim" | "ephemeral") => {}
            Some(_) => {
                let text = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                errors.push(FieldError::invalid(at.child("name"), name, text));
            }
        }
        if tree::text(device, "devicePath").is_empty() {
            errors.push(FieldError::required(at.child("devicePath"), ""));
        }
    }
}
