//! Options of a mount: flags, propagation, and what is the file system's own.

use styr_kernel::mounts::{
    ACCESS_TIME, Attributes, NO_ACCESS_TIME, NO_DEV, NO_DIR_ACCESS_TIME, NO_EXEC, NO_SUID,
    NO_SYMLINK_FOLLOW, Propagation, READ_ONLY, STRICT_ACCESS_TIME,
};

/// Options, sorted.
#[derive(Debug, Clone, Default)]
pub struct MountOptions {
    pub bind: bool,
    /// Of a bind: what is mounted below the source as well.
    pub recursive: bool,
    pub attributes: Attributes,
    /// For everything below, too.
    pub recursive_attributes: Attributes,
    pub propagation: Option<(Propagation, bool)>,
    /// The file system's own.
    pub data: Vec<String>,
}

static FLAGS: &[(&str, u64, bool)] = &[
    ("ro", READ_ONLY, true),
    ("rw", READ_ONLY, false),
    ("nosuid", NO_SUID, true),
    ("suid", NO_SUID, false),
    ("nodev", NO_DEV, true),
    ("dev", NO_DEV, false),
    ("noexec", NO_EXEC, true),
    ("exec", NO_EXEC, false),
    ("nodiratime", NO_DIR_ACCESS_TIME, true),
    ("diratime", NO_DIR_ACCESS_TIME, false),
    ("noatime", NO_ACCESS_TIME, true),
    ("strictatime", STRICT_ACCESS_TIME, true),
    ("relatime", ACCESS_TIME, false),
    ("atime", ACCESS_TIME, false),
    ("nosymfollow", NO_SYMLINK_FOLLOW, true),
    ("symfollow", NO_SYMLINK_FOLLOW, false),
];

static PROPAGATIONS: &[(&str, Propagation)] = &[
    ("private", Propagation::Private),
    ("slave", Propagation::Slave),
    ("shared", Propagation::Shared),
    ("unbindable", Propagation::Unbindable),
];

/// Accepted, without a meaning here.
static WITHOUT_EFFECT: &[&str] = &[
    "defaults",
    "loud",
    "silent",
    "nomand",
    "mand",
    "nostrictatime",
    "tmpcopyup",
    "async",
];

impl MountOptions {
    /// Sorts them.
    pub fn parse(options: &[String]) -> Self {
        let mut found = Self::default();
        for option in options {
            found.add(option);
        }
        found
    }

    fn add(&mut self, option: &str) {
        match option {
            "bind" => self.bind = true,
            "rbind" => (self.bind, self.recursive) = (true, true),
            _ if change(&mut self.attributes, option) => {}
            _ if WITHOUT_EFFECT.contains(&option) => {}
            _ => {
                let rest = option.strip_prefix('r');
                let named = |name: &str| PROPAGATIONS.iter().find(|(known, _)| *known == name);
                if let Some((_, propagation)) = named(option) {
                    self.propagation = Some((*propagation, false));
                } else if let Some((_, propagation)) = rest.and_then(named) {
                    self.propagation = Some((*propagation, true));
                } else if rest.is_none_or(|rest| !change(&mut self.recursive_attributes, rest)) {
                    self.data.push(option.to_owned());
                }
            }
        }
    }
}

fn change(attributes: &mut Attributes, option: &str) -> bool {
    let Some((_, bits, set)) = FLAGS.iter().find(|(name, ..)| *name == option) else {
        return false;
    };
    if *set {
        attributes.set |= bits;
        attributes.clear &= !bits;
    } else {
        attributes.clear |= bits;
        attributes.set &= !bits;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_options() {
        let options = [
            "rbind", "ro", "rprivate", "nosuid", "rnoexec", "size=5k", "rro",
        ];
        let found = MountOptions::parse(&options.map(str::to_owned));
        assert!(found.bind && found.recursive);
        assert_eq!(found.attributes.set, READ_ONLY | NO_SUID);
        assert_eq!(found.recursive_attributes.set, READ_ONLY | NO_EXEC);
        assert_eq!(found.propagation, Some((Propagation::Private, true)));
        assert_eq!(found.data, ["size=5k"]);
    }

    #[test]
    fn later_options_win() {
        let found = MountOptions::parse(&["ro", "rw"].map(str::to_owned));
        assert_eq!(
            (found.attributes.set, found.attributes.clear),
            (0, READ_ONLY)
        );
    }
}
