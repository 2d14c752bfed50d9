//! The rules of placement, one file each, and the order in which they are asked.

mod inter_pod_affinity;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_unschedulable;
mod resources_balanced;
mod resources_fit;
mod scheduling_gates;
mod taint_toleration;
mod topology_spread;
mod unsupported;
mod volume_binding;

use crate::framework::Plugin;
pub(crate) use volume_binding::Storage;

/// Upstream's default profile, as far as it is there; each later one is asked only of what the
/// earlier ones let pass. Without `storage`, volumes are not looked at.
pub(crate) fn default(storage: Option<Storage>) -> Vec<Box<dyn Plugin>> {
    let namespaces = storage.as_ref().map(|storage| storage.namespaces.clone());
    let mut plugins: Vec<Box<dyn Plugin>> = vec![
        Box::new(scheduling_gates::SchedulingGates),
        Box::new(node_unschedulable::NodeUnschedulable),
        Box::new(node_name::NodeName),
        Box::new(taint_toleration::TaintToleration),
        Box::new(node_affinity::NodeAffinity),
        Box::new(node_ports::NodePorts),
        Box::new(resources_fit::NodeResourcesFit),
    ];
    if let Some(storage) = storage {
        plugins.push(Box::new(volume_binding::VolumeBinding::new(storage)));
    }
    let rest: [Box<dyn Plugin>; 4] = [
        Box::new(topology_spread::PodTopologySpread::default()),
        Box::new(inter_pod_affinity::InterPodAffinity::new(namespaces)),
        Box::new(resources_balanced::NodeResourcesBalancedAllocation),
        Box::new(unsupported::Unsupported),
    ];
    plugins.extend(rest);
    plugins
}
