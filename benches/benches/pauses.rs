//! Pauses: how long operations take at worst while a store works in the background, beside SQLite with the same indexes.
//!
//! `cargo bench -p rally-benches --bench pauses` prints percentiles of each row in microseconds; a fold of Rally's journal
//! must not show as a pause, so the last 1 of 1,000 creates should take at most ten times as long as the median.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing better to do than stop")]

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use rally_benches::{Indexes, Rally, Sqlite, Subject, Synchronous, fixture, load};

/// Creates of a row.
const CREATES: u64 = 20_000;
/// The time for which a row beside a bulk load is measured.
const BESIDE: Duration = Duration::from_secs(10);
/// Numbers of the contacts of each row, far from those of the others.
const ROW: u64 = 1 << 32;

fn main() {
    let records = fixture::records();
    let creates = if fixture::is_measuring() { CREATES } else { 20 };
    let beside = if fixture::is_measuring() { BESIDE } else { Duration::from_millis(10) };
    let mut sqlite = Sqlite::open(Synchronous::Full, Indexes::Same);
    let mut rally = Rally::on_redb();
    let subjects: [(&str, &mut dyn Subject); 2] = [("SQLite", &mut sqlite), ("Rally on redb", &mut rally)];
    println!("{records} contacts; microseconds");
    println!(
        "{:<32}{:<16}{:>9}{:>9}{:>9}{:>9}{:>9}{:>12}{:>12}",
        "", "", "count", "p50", "p99", "p99.9", "most", "p99.9 / p50", "bulks/s"
    );
    for (name, subject) in subjects {
        load(subject, 0..records, 1);
        subject.note_loaded();
        let subject: &dyn Subject = subject;
        report("create, one writer", name, create(subject, ROW, creates), None);
        report("create, 16 writers", name, create_by_many(subject, 2 * ROW, creates, 16), None);
        let (took, bulks) = beside_bulks(subject, beside, 3 * ROW, |number| {
            subject.get(number % records, &mut Vec::with_capacity(1_024));
        });
        report("get beside bulks", name, took, Some(bulks));
        let (took, bulks) = beside_bulks(subject, beside, 5 * ROW, |number| {
            subject.create(&fixture::draft(4 * ROW + number), &mut Vec::with_capacity(1_024));
        });
        report("create beside bulks", name, took, Some(bulks));
    }
}

fn create(subject: &dyn Subject, from: u64, count: u64) -> Vec<Duration> {
    let mut out = Vec::with_capacity(1_024);
    let bodies = (from..from + count).map(fixture::draft);
    let timed = bodies.map(|body| {
        out.clear();
        time(|| subject.create(&body, &mut out))
    });
    timed.collect()
}

fn create_by_many(subject: &dyn Subject, from: u64, count: u64, threads: u64) -> Vec<Duration> {
    thread::scope(|scope| {
        let each = count / threads;
        let writers =
            (0..threads).map(|thread| scope.spawn(move || create(subject, from + thread * each, each)));
        let writers: Vec<_> = writers.collect();
        writers.into_iter().flat_map(|writer| writer.join().expect("its times")).collect()
    })
}

/// Repeats an operation while another thread adds bulks of 100, and gives the bulks a second as well.
fn beside_bulks(
    subject: &dyn Subject,
    for_time: Duration,
    from: u64,
    operation: impl Fn(u64),
) -> (Vec<Duration>, f64) {
    let (is_over, bulks) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    let took = thread::scope(|scope| {
        scope.spawn(|| {
            for number in (from..).step_by(100).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                subject.bulk(&fixture::bulk(number, 100));
                bulks.fetch_add(1, Ordering::Relaxed);
            }
        });
        let took = (0..).take_while(|_| began.elapsed() < for_time);
        let took = took.map(|number| time(|| operation(number))).collect();
        is_over.store(true, Ordering::Relaxed);
        took
    });
    let bulks = u32::try_from(bulks.into_inner()).expect("so few bulks");
    (took, f64::from(bulks) / began.elapsed().as_secs_f64())
}

fn time(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn report(row: &str, subject: &str, mut took: Vec<Duration>, bulks: Option<f64>) {
    took.sort_unstable();
    let micros = |permille: usize| {
        let index = (took.len() * permille / 1_000).min(took.len().saturating_sub(1));
        took.get(index).map_or(0.0, Duration::as_secs_f64) * 1e6
    };
    let [median, p99, p999, most] = [500, 990, 999, 1_000].map(micros);
    let bulks = bulks.map_or(String::new(), |bulks| format!("{bulks:.1}"));
    println!(
        "{row:<32}{subject:<16}{:>9}{median:>9.0}{p99:>9.0}{p999:>9.0}{most:>9.0}{:>12.1}{bulks:>12}",
        took.len(),
        p999 / median
    );
}
