use super::*;

fn link(name: &str) -> Entry {
    Entry::Link {
        name: name.to_owned(),
    }
}

#[test]
fn entries_come_back_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(folder.path()).unwrap();
    journal.write(&link("st-1")).unwrap();
    drop(journal);
    Journal::open(folder.path())
        .unwrap()
        .write(&link("st-2"))
        .unwrap();
    assert_eq!(
        read_backwards(folder.path()).unwrap(),
        [link("st-2"), link("st-1")]
    );
}

#[test]
fn a_torn_last_line_is_left_out_and_a_damaged_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    std::fs::write(&path, "{\"made\":\"link\",\"name\":\"a\"}\n{\"made\":\"li").unwrap();
    assert_eq!(read_backwards(folder.path()).unwrap(), [link("a")]);
    std::fs::write(&path, "{\"ma\n{\"made\":\"link\",\"name\":\"a\"}\n").unwrap();
    assert!(
        read_backwards(folder.path())
            .unwrap_err()
            .to_string()
            .contains("line 1")
    );
}

#[test]
fn no_journal_is_an_empty_journal() {
    let folder = tempfile::tempdir().unwrap();
    assert!(read_backwards(folder.path()).unwrap().is_empty());
}
