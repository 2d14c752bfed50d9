//! Security contexts: the pod's and the container's, joined, in the runtime's words.

use k8s_openapi::api::core::v1::{
    Container, Pod, PodSecurityContext, SeccompProfile, SecurityContext,
};
use styr_cri::v1;

use super::Failure;
use crate::pod;

const MASKED: [&str; 9] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
];
const MASKED_MORE: [&str; 3] = [
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];
const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// Whom an image wants to run as.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ImageUser {
    pub(crate) uid: Option<i64>,
    pub(crate) name: String,
}

/// The two contexts of a container; the container's own fields win.
struct Joined<'a> {
    own: Option<&'a SecurityContext>,
    of_pod: Option<&'a PodSecurityContext>,
}

impl Joined<'_> {
    fn run_as_user(&self) -> Option<i64> {
        let own = self.own.and_then(|own| own.run_as_user);
        own.or_else(|| self.of_pod?.run_as_user)
    }

    fn run_as_group(&self) -> Option<i64> {
        let own = self.own.and_then(|own| own.run_as_group);
        own.or_else(|| self.of_pod?.run_as_group)
    }

    fn run_as_non_root(&self) -> bool {
        let own = self.own.and_then(|own| own.run_as_non_root);
        own.or_else(|| self.of_pod?.run_as_non_root) == Some(true)
    }

    fn seccomp(&self) -> Option<&SeccompProfile> {
        let own = self.own.and_then(|own| own.seccomp_profile.as_ref());
        own.or_else(|| self.of_pod?.seccomp_profile.as_ref())
    }

    fn is_privileged(&self) -> bool {
        self.own.is_some_and(|own| own.privileged == Some(true))
    }
}

fn joined<'a>(pod: &'a Pod, container: &'a Container) -> Joined<'a> {
    Joined {
        own: container.security_context.as_ref(),
        of_pod: pod::spec(pod).security_context.as_ref(),
    }
}

/// Refuses to run as root where the pod forbids it.
pub(crate) fn verify_non_root(
    pod: &Pod,
    container: &Container,
    image: &ImageUser,
) -> Result<(), Failure> {
    let joined = joined(pod, container);
    if !joined.run_as_non_root() {
        return Ok(());
    }
    let (described, name) = (pod::described(pod), &container.name);
    let refuse = |text: String| Err(Failure::config(text));
    match (joined.run_as_user(), image.uid) {
        (Some(0), _) => refuse(format!(
            "container's runAsUser breaks non-root policy (pod: {described:?}, container: {name})"
        )),
        (Some(_), _) => Ok(()),
        (None, Some(0)) => refuse(format!(
            "container has runAsNonRoot and image will run as root (pod: {described:?}, container: {name})"
        )),
        (None, None) if !image.name.is_empty() => refuse(format!(
            "container has runAsNonRoot and image has non-numeric user ({}), cannot verify user is non-root (pod: {described:?}, container: {name})",
            image.name
        )),
        _ => Ok(()),
    }
}

pub(crate) fn of_container(
    pod: &Pod,
    container: &Container,
    image: &ImageUser,
    settings: &Settings<'_>,
) -> v1::LinuxContainerSecurityContext {
    let joined = joined(pod, container);
    let own = joined.own;
    let mut context = v1::LinuxContainerSecurityContext {
        privileged: joined.is_privileged(),
        namespace_options: Some(namespaces(pod, settings.target)),
        readonly_rootfs: own.is_some_and(|own| own.read_only_root_filesystem == Some(true)),
        no_new_privs: own.is_some_and(|own| own.allow_privilege_escalation == Some(false)),
        supplemental_groups: groups(joined.of_pod, settings.extra_groups),
        supplemental_groups_policy: groups_policy(joined.of_pod),
        seccomp: Some(seccomp(joined.seccomp(), settings)),
        run_as_group: joined.run_as_group().map(|value| v1::Int64Value { value }),
        capabilities: own
            .and_then(|own| own.capabilities.as_ref())
            .map(|capabilities| v1::Capability {
                add_capabilities: capabilities.add.clone().unwrap_or_default(),
                drop_capabilities: capabilities.drop.clone().unwrap_or_default(),
                ..v1::Capability::default()
            }),
        ..v1::LinuxContainerSecurityContext::default()
    };
    if joined.is_privileged() {
        let unconfined = v1::security_profile::ProfileType::Unconfined;
        if joined.seccomp().is_none() {
            context.seccomp = Some(v1::SecurityProfile {
                profile_type: unconfined.into(),
                ..Default::default()
            });
        }
    }
    match (joined.run_as_user(), image.uid) {
        (Some(value), _) | (None, Some(value)) => {
            context.run_as_user = Some(v1::Int64Value { value });
        }
        (None, None) => context.run_as_username.clone_from(&image.name),
    }
    if own.and_then(|own| own.proc_mount.as_deref()) != Some("Unmasked") {
        let masked = MASKED.iter().chain(&MASKED_MORE);
        context.masked_paths = masked.map(|path| (*path).to_owned()).collect();
        context.readonly_paths = READ_ONLY.map(str::to_owned).to_vec();
    }
    context
}

/// What contexts depend on besides the pod.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    /// The root of localhost seccomp profiles.
    pub(crate) seccomp_root: &'a std::path::Path,
    /// Groups that volumes bring.
    pub(crate) extra_groups: &'a [i64],
    /// The container whose processes an ephemeral one shares.
    pub(crate) target: Option<&'a str>,
}

fn groups(of_pod: Option<&PodSecurityContext>, extra: &[i64]) -> Vec<i64> {
    let mut groups: Vec<i64> = Vec::new();
    groups.extend(of_pod.and_then(|context| context.fs_group));
    groups.extend(extra);
    groups.extend(
        of_pod
            .and_then(|context| context.supplemental_groups.as_ref())
            .into_iter()
            .flatten(),
    );
    groups
}

fn groups_policy(of_pod: Option<&PodSecurityContext>) -> i32 {
    match of_pod.and_then(|context| context.supplemental_groups_policy.as_deref()) {
        Some("Strict") => v1::SupplementalGroupsPolicy::Strict.into(),
        _ => v1::SupplementalGroupsPolicy::Merge.into(),
    }
}

fn seccomp(profile: Option<&SeccompProfile>, settings: &Settings<'_>) -> v1::SecurityProfile {
    use v1::security_profile::ProfileType;
    let (kind, path) = match profile.map(|profile| profile.type_.as_str()) {
        Some("RuntimeDefault") => (ProfileType::RuntimeDefault, String::new()),
        Some("Localhost") => {
            let name = profile.and_then(|profile| profile.localhost_profile.as_deref());
            let path = settings.seccomp_root.join(name.unwrap_or_default());
            (ProfileType::Localhost, path.to_string_lossy().into_owned())
        }
        _ => (ProfileType::Unconfined, String::new()),
    };
    v1::SecurityProfile {
        profile_type: kind.into(),
        localhost_ref: path,
    }
}

/// The namespaces of a pod; `target` is the container whose processes are to be seen.
pub(crate) fn namespaces(pod: &Pod, target: Option<&str>) -> v1::NamespaceOption {
    let spec = pod::spec(pod);
    let of_host = |wanted: Option<bool>| {
        let mode = if wanted == Some(true) {
            v1::NamespaceMode::Node
        } else {
            v1::NamespaceMode::Pod
        };
        i32::from(mode)
    };
    let pid = if spec.host_pid == Some(true) {
        v1::NamespaceMode::Node
    } else if spec.share_process_namespace == Some(true) {
        v1::NamespaceMode::Pod
    } else if target.is_some() {
        v1::NamespaceMode::Target
    } else {
        v1::NamespaceMode::Container
    };
    v1::NamespaceOption {
        network: of_host(spec.host_network),
        ipc: of_host(spec.host_ipc),
        pid: pid.into(),
        target_id: target.unwrap_or_default().to_owned(),
        userns_options: None,
    }
}

pub(crate) fn of_sandbox(pod: &Pod, extra_groups: &[i64]) -> v1::LinuxSandboxSecurityContext {
    let of_pod = pod::spec(pod).security_context.as_ref();
    let value = |value: Option<i64>| value.map(|value| v1::Int64Value { value });
    let seccomp = v1::SecurityProfile {
        profile_type: v1::security_profile::ProfileType::RuntimeDefault.into(),
        localhost_ref: String::new(),
    };
    v1::LinuxSandboxSecurityContext {
        privileged: pod::has_privileged(pod),
        seccomp: Some(seccomp),
        namespace_options: Some(namespaces(pod, None)),
        run_as_user: value(of_pod.and_then(|context| context.run_as_user)),
        run_as_group: value(of_pod.and_then(|context| context.run_as_group)),
        supplemental_groups: groups(of_pod, extra_groups),
        supplemental_groups_policy: groups_policy(of_pod),
        ..v1::LinuxSandboxSecurityContext::default()
    }
}
