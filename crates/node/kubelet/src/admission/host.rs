//! What a pod may ask of the host's kernel, by upstream's rules. Pure.

use k8s_openapi::api::core::v1::{AppArmorProfile, Pod};

use crate::pod;

/// Settings that concern nobody but the pod.
const SAFE: [&str; 14] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_notsent_lowat",
];

/// Refuses settings that are neither safe nor allowed; `allowed` may end in `*`.
pub(crate) fn sysctls(pod: &Pod, allowed: &[String]) -> Result<(), (String, String)> {
    let context = pod::spec(pod).security_context.as_ref();
    let list = context.and_then(|context| context.sysctls.as_ref());
    for sysctl in list.into_iter().flatten() {
        // Upstream takes slashes for dots.
        let name = sysctl.name.replace('/', ".");
        let is_allowed = allowed
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => *pattern == name,
            });
        if !SAFE.contains(&name.as_str()) && !is_allowed {
            let text = format!("forbidden sysctl: {:?} not allowlisted", sysctl.name);
            return Err(("SysctlForbidden".into(), text));
        }
        let clash = if name.starts_with("net.") && pod::is_host_network(pod) {
            "net"
        } else if name.starts_with("kernel.") && pod::spec(pod).host_ipc == Some(true) {
            "ipc"
        } else {
            continue;
        };
        let text = format!(
            "forbidden sysctl: {:?} not allowed with host {clash} enabled",
            sysctl.name
        );
        return Err(("SysctlForbidden".into(), text));
    }
    Ok(())
}

/// Refuses a pod that wants to be confined where the kernel cannot.
pub(crate) fn app_armor(pod: &Pod, is_enabled: bool) -> Result<(), (String, String)> {
    let of_pod = pod::spec(pod).security_context.as_ref();
    let of_pod = of_pod.and_then(|context| context.app_armor_profile.as_ref());
    let containers = pod::init_containers(pod).iter().chain(pod::containers(pod));
    let own = containers.filter_map(|container| {
        container
            .security_context
            .as_ref()?
            .app_armor_profile
            .as_ref()
    });
    let confines = |profile: &AppArmorProfile| profile.type_ != "Unconfined";
    if !is_enabled && own.chain(of_pod).any(confines) {
        let text = "Cannot enforce AppArmor: AppArmor is not enabled on the host";
        return Err(("AppArmor".into(), text.into()));
    }
    Ok(())
}

/// Refuses what this kubelet cannot do; running the pod without it would pretend.
pub(crate) fn not_implemented(pod: &Pod) -> Result<(), (String, String)> {
    let spec = pod::spec(pod);
    let all = pod::init_containers(pod).iter().chain(pod::containers(pod));
    let devices = |container: &k8s_openapi::api::core::v1::Container| {
        container
            .volume_devices
            .as_ref()
            .is_some_and(|devices| !devices.is_empty())
    };
    let what = if spec.host_users == Some(false) {
        "user namespaces (hostUsers: false) are"
    } else if spec
        .resource_claims
        .as_ref()
        .is_some_and(|claims| !claims.is_empty())
    {
        "resource claims are"
    } else if all.into_iter().any(devices) {
        "block volumes (volumeDevices) are"
    } else {
        return Ok(());
    };
    Err((
        "UnexpectedAdmissionError".into(),
        format!("{what} not implemented"),
    ))
}
