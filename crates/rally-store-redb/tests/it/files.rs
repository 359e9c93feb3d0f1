//! Files: kept, locked, and refused with a reason.

use std::{env, fs, path::Path, process::Command};

use rally_store_redb::{Durability, IntegrityCheck, OpenError, Options, RedbStore};
use redb::{Database, TableDefinition};
use tempfile::tempdir;

use crate::support::{get, key, put, tenant};

const CHILD: &str = "RALLY_TEST_OPEN_IN_A_CHILD";

fn open(path: &Path) -> Result<RedbStore, OpenError> {
    RedbStore::open(path, Options::default())
}

fn message(path: &Path) -> String {
    open(path).expect_err("it opened").to_string()
}

#[test]
fn a_file_keeps_everything_at_each_level() {
    for durability in [Durability::Standard, Durability::Strict] {
        let folder = tempdir().unwrap();
        let path = folder.path().join("crm.redb");
        let options = Options { durability, integrity_check: IntegrityCheck::Always, ..Options::default() };
        for round in 0..3 {
            let store = RedbStore::open(&path, options.clone()).unwrap();
            for before in 0..round {
                assert_eq!(
                    get(&store, tenant(1), &key(&format!("round {before}"))).as_deref(),
                    Some(&b"kept"[..])
                );
            }
            put(&store, tenant(1), &key(&format!("round {round}")), b"kept");
        }
    }
}

#[test]
fn a_file_in_use_says_so_to_another_process_and_to_this_one() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("crm.redb");
    let store = open(&path).unwrap();
    put(&store, tenant(1), &key("a"), b"1");

    let text = message(&path);
    assert!(text.contains("crm.redb is in use by another process; stop it or use another file"), "{text}");

    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "files::what_a_child_is_told", "--nocapture"])
        .env(CHILD, &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("is in use by another process"), "{said}");

    drop(store);
    assert!(open(&path).is_ok());
}

/// The other half of the test above; on its own it opens a file that nobody has.
#[test]
fn what_a_child_is_told() {
    match env::var_os(CHILD) {
        Some(path) => println!("told: {}", message(Path::new(&path))),
        None => drop(open(&tempdir().unwrap().path().join("free.redb")).unwrap()),
    }
}

#[test]
fn what_is_not_a_rally_file_is_refused_and_left_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("crm.redb");

    for (content, reason) in [
        (&b""[..], "is empty; restore it from a backup"),
        (&b"name,email\nAda,ada@example.com\n"[..], "is not a Rally file"),
        (&[0; 1 << 20][..], "is not a Rally file"),
        (&b"red"[..], "is not a Rally file"),
    ] {
        fs::write(&path, content).unwrap();
        let text = message(&path);
        assert!(text.contains(reason), "{text}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn another_programs_database_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("other.redb");
    let other = Database::create(&path).unwrap();
    let txn = other.begin_write().unwrap();
    txn.open_table(TableDefinition::<u64, u64>::new("numbers")).unwrap().insert(1, 1).unwrap();
    txn.commit().unwrap();
    drop(other);
    assert!(matches!(open(&path), Err(OpenError::NotRally { .. })));
}

#[test]
fn a_temporary_store_is_one_in_a_file_without_a_name() {
    let store = RedbStore::temporary(tempfile::tempfile().unwrap()).unwrap();
    // More than its memory is for, so that it has gone through the file.
    for number in 0..40 {
        put(&store, tenant(1), &key(&format!("key {number}")), &vec![number; 1 << 20]);
    }
    for number in 0..40 {
        let value = get(&store, tenant(1), &key(&format!("key {number}"))).unwrap();
        assert!(value.len() == 1 << 20 && value.iter().all(|byte| *byte == number));
    }
}

#[test]
fn a_missing_folder_is_named() {
    let folder = tempdir().unwrap();
    let text = message(&folder.path().join("missing").join("crm.redb"));
    assert!(text.contains("the folder of ") && text.contains("does not exist; create it"), "{text}");
}

#[test]
fn damage_is_an_error_and_no_panic() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("crm.redb");
    let store = open(&path).unwrap();
    for number in 0..300 {
        put(&store, tenant(1), &key(&format!("key {number}")), &[b'x'; 500]);
    }
    drop(store);
    let whole = fs::read(&path).unwrap();

    let cut = whole[..whole.len() / 2].to_vec();
    let mut header = whole.clone();
    header[12..300].fill(0xA5);
    let mut pages = whole.clone();
    pages[4096..].iter_mut().step_by(7).for_each(|byte| *byte ^= 0x55);
    for (what, bytes) in [("cut", cut), ("header", header), ("pages", pages)] {
        fs::write(&path, bytes).unwrap();
        let options = Options { integrity_check: IntegrityCheck::Always, ..Options::default() };
        let error = RedbStore::open(&path, options).err();
        assert!(matches!(error, Some(OpenError::Damaged { .. })), "{what}: {error:?}");
    }
}
