use super::*;

const SETTING: &str = "net/forward";

struct Fixture {
    root: tempfile::TempDir,
    machine: Machine,
}

/// A machine whose only setting is off, and folders of two clusters.
fn fixture() -> Fixture {
    let root = tempfile::tempdir().unwrap();
    for folder in ["sys/net", "a", "b"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    fs::write(root.path().join("sys").join(SETTING), "0\n").unwrap();
    let machine = Machine::at(&root.path().join("run/styr"), &root.path().join("sys"));
    Fixture { root, machine }
}

impl Fixture {
    fn cluster(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn claim(&self, name: &str) {
        let held = self.machine.hold().unwrap();
        held.claim(&self.cluster(name), Path::new(SETTING), "1")
            .unwrap();
    }

    fn release(&self, name: &str) {
        let held = self.machine.hold().unwrap();
        held.release(&self.cluster(name)).unwrap();
    }

    fn setting(&self) -> String {
        let path = self.root.path().join("sys").join(SETTING);
        fs::read_to_string(path).unwrap().trim().to_owned()
    }

    fn folder_exists(&self) -> bool {
        self.root.path().join("run/styr").exists()
    }
}

#[test]
fn the_last_cluster_puts_a_setting_back() {
    let fixture = fixture();
    fixture.claim("a");
    fixture.claim("b");
    fixture.release("a");
    assert_eq!(fixture.setting(), "1");
    fixture.release("b");
    assert_eq!(fixture.setting(), "0");
    assert!(!fixture.folder_exists());
}

#[test]
fn a_setting_that_was_on_stays_on() {
    let fixture = fixture();
    fs::write(fixture.root.path().join("sys").join(SETTING), "1\n").unwrap();
    fixture.claim("a");
    fixture.release("a");
    assert_eq!(fixture.setting(), "1");
}

#[test]
fn clusters_without_a_folder_do_not_count() {
    let fixture = fixture();
    fixture.claim("a");
    fixture.claim("b");
    fs::remove_dir(fixture.cluster("a")).unwrap();
    fixture.release("b");
    assert_eq!(fixture.setting(), "0");
}

#[test]
fn releasing_twice_changes_nothing() {
    let fixture = fixture();
    fixture.claim("a");
    fixture.release("a");
    fs::write(fixture.root.path().join("sys").join(SETTING), "1\n").unwrap();
    fixture.release("a");
    assert_eq!(fixture.setting(), "1");
    assert!(!fixture.folder_exists());
}
