use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::fixture;

/// Which members of a contact are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// All of them.
    All,
    /// `id`, `email` and `fullName`.
    Three,
}

/// What is measured: a table of contacts that takes JSON and answers in JSON.
///
/// Answers are appended to a buffer that the caller uses again. A list ends with whether it goes on.
pub trait Subject: Sync {
    /// The contact that was added as this one, counted from 0 and around the end.
    fn get(&self, index: u64, out: &mut Vec<u8>);
    /// 100 contacts in the order of creation.
    fn list(&self, offset: u64, members: Members, out: &mut Vec<u8>) -> bool;
    /// 100 contacts that changed after the one that was added as this one.
    fn updated_since(&self, index: u64, out: &mut Vec<u8>) -> bool;
    /// How many contacts there are.
    fn total(&self) -> u64;
    /// Adds one, and answers it.
    fn create(&self, body: &str, out: &mut Vec<u8>);
    /// Adds those of a JSON array in one transaction, and says how many it took.
    fn bulk(&self, body: &str) -> usize;
    /// Adds or changes one by its e-mail address, and answers it.
    fn upsert(&self, body: &str, out: &mut Vec<u8>);
    /// Notes what reads ask for by index. Called once, when everything is loaded.
    fn note_loaded(&mut self);
}

/// Contacts of one bulk.
const BULK: u64 = 100;

/// Bulks whose bodies are made ahead, so that making them is not measured.
const AHEAD: u64 = 100;

/// Adds the contacts of a range, 100 in a transaction, by one thread or several, and says how long that took.
pub fn load(subject: &dyn Subject, numbers: Range<u64>, threads: usize) -> Duration {
    let mut took = Duration::ZERO;
    let mut from = numbers.start;
    while from < numbers.end {
        let end = numbers.end.min(from + BULK * AHEAD);
        let bodies: Vec<String> =
            (from..end).step_by(100).map(|first| fixture::bulk(first, BULK.min(end - first))).collect();
        let start = Instant::now();
        share_out(&bodies, threads, |body| {
            subject.bulk(body);
        });
        took += start.elapsed();
        from = end;
    }
    took
}

/// Adds a contact for each body, by several threads.
pub fn write_in_parallel(subject: &dyn Subject, bodies: &[String], threads: usize) {
    share_out(bodies, threads, |body| subject.create(body, &mut Vec::with_capacity(1_024)));
}

fn share_out(bodies: &[String], threads: usize, send: impl Fn(&str) + Sync) {
    if threads == 1 {
        return bodies.iter().for_each(|body| send(body));
    }
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
            send(body);
        }
    };
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
}

pub(crate) fn folder_bytes(folder: &tempfile::TempDir) -> u64 {
    let files = std::fs::read_dir(folder.path()).expect("a folder that can be read");
    files.map(|file| file.expect("a file").metadata().expect("a file's length").len()).sum()
}
