//! What a pod refers to, and therefore its node may read.

use std::collections::BTreeSet;

use serde_json::Value;

/// Names of objects in the pod's namespace, by resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct References {
    pub(super) secrets: BTreeSet<String>,
    pub(super) config_maps: BTreeSet<String>,
    pub(super) claims: BTreeSet<String>,
    pub(super) resource_claims: BTreeSet<String>,
    pub(super) service_account: String,
}

/// Whether a pod names any secret.
pub(crate) fn references_secrets(pod: &Value) -> bool {
    !References::of_pod(pod).secrets.is_empty()
}

/// Whether a pod names any config map.
pub(crate) fn references_config_maps(pod: &Value) -> bool {
    !References::of_pod(pod).config_maps.is_empty()
}

impl References {
    /// Of a pod.
    pub(super) fn of_pod(pod: &Value) -> Self {
        let spec = &pod["spec"];
        let mut references = Self {
            service_account: text(&spec["serviceAccountName"]),
            ..Self::default()
        };
        for secret in items(&spec["imagePullSecrets"]) {
            references.secrets.insert(text(&secret["name"]));
        }
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            for container in items(&spec[list]) {
                references.add_environment(container);
            }
        }
        let claims =
            items(&spec["resourceClaims"]).chain(items(&pod["status"]["resourceClaimStatuses"]));
        let extended = std::iter::once(&pod["status"]["extendedResourceClaimStatus"]);
        let names = claims
            .chain(extended)
            .filter_map(|claim| claim["resourceClaimName"].as_str());
        references.resource_claims.extend(names.map(str::to_owned));
        let name = text(&pod["metadata"]["name"]);
        for volume in items(&spec["volumes"]) {
            references.add_volume(volume, &name);
        }
        references
    }

    fn add_environment(&mut self, container: &Value) {
        for source in items(&container["envFrom"]) {
            self.add_secret(&source["secretRef"]["name"]);
            self.add_config_map(&source["configMapRef"]["name"]);
        }
        for variable in items(&container["env"]) {
            self.add_secret(&variable["valueFrom"]["secretKeyRef"]["name"]);
            self.add_config_map(&variable["valueFrom"]["configMapKeyRef"]["name"]);
        }
    }

    fn add_volume(&mut self, volume: &Value, pod: &str) {
        self.add_secret(&volume["secret"]["secretName"]);
        self.add_config_map(&volume["configMap"]["name"]);
        for source in items(&volume["projected"]["sources"]) {
            self.add_secret(&source["secret"]["name"]);
            self.add_config_map(&source["configMap"]["name"]);
        }
        for driver in [
            "csi",
            "cephfs",
            "flexVolume",
            "iscsi",
            "rbd",
            "scaleIO",
            "storageos",
        ] {
            self.add_secret(&volume[driver]["nodePublishSecretRef"]["name"]);
            self.add_secret(&volume[driver]["secretRef"]["name"]);
        }
        self.add_secret(&volume["azureFile"]["secretName"]);
        if let Some(claim) = volume["persistentVolumeClaim"]["claimName"].as_str() {
            self.claims.insert(claim.to_owned());
        }
        if !volume["ephemeral"].is_null() {
            self.claims
                .insert(format!("{pod}-{}", text(&volume["name"])));
        }
    }

    fn add_secret(&mut self, name: &Value) {
        if let Some(name) = name.as_str() {
            self.secrets.insert(name.to_owned());
        }
    }

    fn add_config_map(&mut self, name: &Value) {
        if let Some(name) = name.as_str() {
            self.config_maps.insert(name.to_owned());
        }
    }
}

/// Secrets that the driver of a persistent volume needs: namespace, if it is told, and name.
pub(super) fn volume_secrets(spec: &Value) -> impl Iterator<Item = (Option<&str>, &str)> {
    const CSI: [&str; 3] = [
        "nodePublishSecretRef",
        "nodeStageSecretRef",
        "nodeExpandSecretRef",
    ];
    const OTHERS: [&str; 6] = [
        "cephfs",
        "flexVolume",
        "iscsi",
        "rbd",
        "scaleIO",
        "storageos",
    ];
    let of_csi = CSI.iter().map(|field| &spec["csi"][*field]);
    let of_others = OTHERS.iter().map(|driver| &spec[*driver]["secretRef"]);
    let references = of_csi.chain(of_others).filter_map(|reference| {
        let place = reference["namespace"]
            .as_str()
            .filter(|place| !place.is_empty());
        Some((place, reference["name"].as_str()?))
    });
    let azure = &spec["azureFile"];
    let place = azure["secretNamespace"].as_str();
    references.chain(azure["secretName"].as_str().map(|name| (place, name)))
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
