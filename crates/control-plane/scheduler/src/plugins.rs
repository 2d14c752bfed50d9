//! The rules of placement, one file each, and the order in which they are asked.

mod image_locality;
mod inter_pod_affinity;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_unschedulable;
mod node_volume_limits;
mod resources_balanced;
mod resources_fit;
mod scheduling_gates;
mod taint_toleration;
mod topology_spread;
mod unsupported;
mod volume_binding;
mod volume_restrictions;
mod volume_zone;

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
        let (claims, volumes) = (storage.claims.clone(), storage.volumes.clone());
        let of_volumes: [Box<dyn Plugin>; 4] = [
            Box::new(volume_restrictions::VolumeRestrictions::new(claims.clone())),
            Box::new(node_volume_limits::NodeVolumeLimits::new(storage.clone())),
            Box::new(volume_binding::VolumeBinding::new(storage)),
            Box::new(volume_zone::VolumeZone::new(claims, volumes)),
        ];
        plugins.extend(of_volumes);
    }
    let rest: [Box<dyn Plugin>; 5] = [
        Box::new(topology_spread::PodTopologySpread::default()),
        Box::new(inter_pod_affinity::InterPodAffinity::new(namespaces)),
        Box::new(resources_balanced::NodeResourcesBalancedAllocation),
        Box::new(image_locality::ImageLocality::default()),
        Box::new(unsupported::Unsupported),
    ];
    plugins.extend(rest);
    plugins
}
