//! A new file: whole or not there, of one process, and for its owner only.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rally_store_redb::{OpenError, Options, RedbStore};
use tempfile::tempdir;

use crate::support::{get, key, put, tenant};

const CHILD: &str = "RALLY_TEST_MAKE_IN_A_CHILD";

fn open(path: &Path) -> Result<RedbStore, OpenError> {
    RedbStore::open(path, Options::default())
}

fn names(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into()).collect()
}

/// The lines that are logged meanwhile.
fn logged(work: impl FnOnce()) -> String {
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || Log(writer.clone())).finish();
    tracing::subscriber::with_default(subscriber, work);
    String::from_utf8(log.lock().clone()).unwrap()
}

struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_new_file_is_for_its_owner_only_and_one_that_others_can_read_is_warned_of() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("crm.redb");
    let quiet = logged(|| drop(open(&path).unwrap()));
    assert!(!quiet.contains("WARN"), "{quiet}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    for mode in [0o644, 0o660, 0o604] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let warning = logged(|| drop(open(&path).unwrap()));
        assert!(warning.contains("WARN") && warning.contains("run chmod 600"), "{mode:o}: {warning}");
    }
}

#[test]
fn of_several_first_starts_one_wins_and_the_others_are_told_that_it_is_in_use() {
    for _ in 0..20 {
        let folder = tempdir().unwrap();
        let path = folder.path().join("crm.redb");
        let (start, end) = (Barrier::new(6), Barrier::new(6));
        let opened = thread::scope(|scope| {
            let open_it = || {
                start.wait();
                let opened = open(&path);
                end.wait();
                opened.map(drop)
            };
            let starts: Vec<_> = (0..6).map(|_| scope.spawn(open_it)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect::<Vec<_>>()
        });
        let won = opened.iter().filter(|opened| opened.is_ok()).count();
        let in_use = opened.iter().filter(|opened| matches!(opened, Err(OpenError::InUse { .. }))).count();
        assert_eq!((won, in_use), (1, 5), "{opened:?}");
        assert_eq!(names(folder.path()), [PathBuf::from("crm.redb")]);
    }
}

#[test]
fn a_first_start_that_is_killed_leaves_a_file_that_opens_or_none() {
    let folder = tempdir().unwrap();
    let whole = time_to_make(&folder.path().join("crm.redb"));
    for round in 0..40_u32 {
        let folder = tempdir().unwrap();
        let path = folder.path().join("crm.redb");
        kill_while_it_is_made(&path, whole * round / 30);
        let store = open(&path).unwrap_or_else(|error| panic!("round {round}: {error}"));
        put(&store, tenant(1), &key("a"), b"1");
        assert_eq!(names(folder.path()), [PathBuf::from("crm.redb")], "round {round}");
        drop(store);
        assert!(get(&open(&path).unwrap(), tenant(1), &key("a")).is_some());
    }
}

fn time_to_make(path: &Path) -> Duration {
    let (mut child, mut said) = begin_to_make(path);
    let begun = Instant::now();
    assert!(said.any(|line| line.contains("made")));
    child.wait().unwrap();
    begun.elapsed()
}

fn kill_while_it_is_made(path: &Path, after: Duration) {
    let (mut child, _said) = begin_to_make(path);
    let begun = Instant::now();
    while begun.elapsed() < after {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A child that is about to make a file, and the lines that it says.
fn begin_to_make(path: &Path) -> (Child, impl Iterator<Item = String>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "making::what_a_child_makes", "--nocapture"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("begun")));
    (child, said)
}

/// The other half of the test above; on its own it makes a file that nobody waits for.
#[test]
fn what_a_child_makes() {
    match env::var_os(CHILD) {
        Some(path) => {
            println!("\nbegun");
            let store = open(Path::new(&path)).unwrap();
            println!("\nmade");
            drop(store);
        }
        None => drop(open(&tempdir().unwrap().path().join("free.redb")).unwrap()),
    }
}

#[test]
fn what_others_are_making_is_left_alone() {
    let folder = tempdir().unwrap();
    let (path, other) = (folder.path().join("crm.redb"), folder.path().join(".crm.redb.rally-1-2.new"));
    let store = open(&other).unwrap();
    drop(open(&path).unwrap());
    assert!(other.exists());
    drop(store);
    drop(open(&path).unwrap());
    assert!(!other.exists());
}
