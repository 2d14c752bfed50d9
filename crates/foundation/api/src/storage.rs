//! Kinds of the group `storage.k8s.io`.

mod csi_driver;
mod csi_node;
mod storage_class;
mod volume_attachment;

use crate::rules::Rules;

/// The rules of a kind, by its plural.
pub(crate) fn rules(plural: &str) -> Option<&'static dyn Rules> {
    let rules: &'static dyn Rules = match plural {
        "csidrivers" => &csi_driver::CsiDriver,
        "csinodes" => &csi_node::CsiNode,
        "storageclasses" => &storage_class::StorageClass,
        "volumeattachments" => &volume_attachment::VolumeAttachment,
        _ => return None,
    };
    Some(rules)
}
