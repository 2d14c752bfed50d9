use super::*;

fn notes() -> (tempfile::TempDir, Notes) {
    let folder = tempfile::tempdir().unwrap();
    let notes = Notes::open(folder.path().join("volume")).unwrap();
    (folder, notes)
}

fn add(notes: &Notes, text: &str) -> Result<Note, AddError> {
    notes.add(text, Timestamp::UNIX_EPOCH)
}

fn texts(notes: &Notes) -> Vec<String> {
    notes
        .list()
        .unwrap()
        .into_iter()
        .map(|note| note.text)
        .collect()
}

#[test]
fn keeps_notes_in_the_order_in_which_they_were_written() {
    let (_folder, notes) = notes();
    for number in 1..=11 {
        add(&notes, &format!(" note {number}\n")).unwrap();
    }
    assert_eq!(texts(&notes)[0], "note 1");
    assert_eq!(texts(&notes)[10], "note 11");
}

#[test]
fn a_pod_that_starts_anew_finds_the_notes_of_the_last() {
    let (folder, notes) = notes();
    let written = add(&notes, "milk").unwrap();
    let again = Notes::open(folder.path().join("volume")).unwrap();
    assert_eq!(again.list().unwrap(), [written]);
}

#[test]
fn two_pods_that_write_at_once_lose_nothing() {
    let (_folder, notes) = notes();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| drop(add(&notes, "at once").unwrap())));
        }
    });
    assert_eq!(notes.list().unwrap().len(), 40);
}

#[test]
fn removes_a_note_once() {
    let (_folder, notes) = notes();
    let note = add(&notes, "gone soon").unwrap();
    assert!(notes.remove(note.id).unwrap());
    assert!(!notes.remove(note.id).unwrap());
    assert_eq!(notes.get(note.id).unwrap(), None);
}

#[test]
fn refuses_notes_without_a_text() {
    let (_folder, notes) = notes();
    assert!(matches!(add(&notes, " \n"), Err(AddError::Empty)));
}

#[test]
fn refuses_notes_that_are_too_long() {
    let (_folder, notes) = notes();
    let text = "a".repeat(TEXT_BYTES_MAX + 1);
    assert!(matches!(add(&notes, &text), Err(AddError::TooLong)));
}

#[test]
fn refuses_notes_beyond_the_limit() {
    let (folder, notes) = notes();
    for id in 1..=NOTES_MAX {
        File::create(folder.path().join(format!("volume/{id}.json"))).unwrap();
    }
    assert!(matches!(add(&notes, "one more"), Err(AddError::Full)));
}

#[test]
fn leaves_no_draft_behind() {
    let (folder, notes) = notes();
    add(&notes, "whole").unwrap();
    notes.check().unwrap();
    let files = fs::read_dir(folder.path().join("volume")).unwrap();
    let mut names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(names.all(|name| !name.starts_with(DRAFT)));
}
