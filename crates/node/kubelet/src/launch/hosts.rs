//! Names of a pod, and the `/etc/hosts` that its containers share.

use k8s_openapi::api::core::v1::{HostAlias, Pod};

use crate::pod;

const HEADER: &str = "# Kubernetes-managed hosts file.\n";
const HEADER_HOST_NETWORK: &str = "# Kubernetes-managed hosts file (host network).\n";
/// The kernel's limit of a host name.
const HOSTNAME_MAX: usize = 63;

/// Host name and domain (empty without a subdomain).
pub(crate) fn names(pod: &Pod, cluster_domain: &str) -> Result<(String, String), String> {
    let spec = pod::spec(pod);
    if let Some(name) = spec
        .hostname_override
        .as_deref()
        .filter(|name| !name.is_empty())
    {
        return Ok((truncated(pod, name)?, String::new()));
    }
    let own = spec.hostname.as_deref().filter(|name| !name.is_empty());
    let hostname = truncated(pod, own.unwrap_or_else(|| pod::name(pod)))?;
    let subdomain = spec.subdomain.as_deref().filter(|name| !name.is_empty());
    let domain = subdomain
        .map(|subdomain| format!("{subdomain}.{}.svc.{cluster_domain}", pod::namespace(pod)));
    Ok((hostname, domain.unwrap_or_default()))
}

/// What the kernel is told: the name, or the whole of it if the pod asks for that.
pub(crate) fn kernel_name(pod: &Pod, hostname: &str, domain: &str) -> Result<String, String> {
    if pod::spec(pod).set_hostname_as_fqdn != Some(true) || domain.is_empty() {
        return Ok(hostname.to_owned());
    }
    let whole = format!("{hostname}.{domain}");
    if whole.len() > 64 {
        return Err(format!(
            "failed to construct FQDN from pod hostname and cluster domain, FQDN {whole} is too long (64 characters is the max, {} characters requested)",
            whole.len()
        ));
    }
    Ok(whole)
}

fn truncated(pod: &Pod, name: &str) -> Result<String, String> {
    let cut: String = name.chars().take(HOSTNAME_MAX).collect();
    let cut = if cut.len() < name.len() {
        cut.trim_end_matches(['-', '.'])
    } else {
        &cut
    };
    if cut.is_empty() {
        return Err(format!(
            "hostname for pod {:?} was invalid: {name:?}",
            pod::name(pod)
        ));
    }
    Ok(cut.to_owned())
}

/// The file of a pod with its own network.
pub(crate) fn managed(
    ips: &[String],
    (hostname, domain): (&str, &str),
    aliases: &[HostAlias],
) -> String {
    let mut out = String::from(HEADER);
    out.push_str("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    out.push_str("fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\n");
    out.push_str("fe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n");
    for ip in ips {
        if domain.is_empty() {
            out.push_str(&format!("{ip}\t{hostname}\n"));
        } else {
            out.push_str(&format!("{ip}\t{hostname}.{domain}\t{hostname}\n"));
        }
    }
    out.push_str(&of_aliases(aliases));
    out
}

/// The file of a pod in the host's network, from the host's own.
pub(crate) fn of_host(file: &str, aliases: &[HostAlias]) -> String {
    format!("{HEADER_HOST_NETWORK}{file}{}", of_aliases(aliases))
}

fn of_aliases(aliases: &[HostAlias]) -> String {
    if aliases.is_empty() {
        return String::new();
    }
    let mut out = String::from("\n# Entries added by HostAliases.\n");
    for alias in aliases {
        let names = alias.hostnames.as_deref().unwrap_or_default().join("\t");
        out.push_str(&format!("{}\t{names}\n", alias.ip));
    }
    out
}
