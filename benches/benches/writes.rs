//! Writing: one contact, durably and not, by one writer and by sixteen; a hundred at once; by e-mail address.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use rally_benches::{Rally, Sqlite, Subject, Synchronous, fixture, load, write_in_parallel};

fn writes(criterion: &mut Criterion) {
    write_all(criterion, "sqlite-full", &Sqlite::open(Synchronous::Full));
    write_all(criterion, "sqlite-off", &Sqlite::open(Synchronous::Off));
    write_all(criterion, "rally-memory", &Rally::in_memory());
    write_all(criterion, "rally-redb", &Rally::on_redb());
}

fn write_all(criterion: &mut Criterion, name: &str, subject: &dyn Subject) {
    // Upserts must find something, whatever else is measured.
    load(subject, 0..1_000, 1);
    let next = Cell::new(1_000);
    let take = |count: u64| next.replace(next.get() + count);
    let mut out = Vec::new();
    criterion.bench_function(&format!("create/{name}"), |bencher| {
        bencher.iter_batched(
            || fixture::draft(take(1)),
            |body| {
                out.clear();
                subject.create(&body, &mut out);
            },
            BatchSize::SmallInput,
        );
    });
    criterion.bench_function(&format!("create-16-writers/{name}"), |bencher| {
        bencher.iter_custom(|iterations| {
            let bodies: Vec<String> = (0..iterations).map(|_| fixture::draft(take(1))).collect();
            let start = Instant::now();
            write_in_parallel(subject, &bodies, 16);
            start.elapsed()
        });
    });
    criterion.bench_function(&format!("bulk-100/{name}"), |bencher| {
        bencher.iter_batched(
            || fixture::bulk(take(100), 100),
            |body| subject.bulk(&body),
            BatchSize::SmallInput,
        );
    });
    let mut out = Vec::new();
    criterion.bench_function(&format!("upsert/{name}"), |bencher| {
        let mut round = 0;
        bencher.iter_batched(
            || {
                round += 1;
                fixture::changed(round, next.get())
            },
            |body| {
                out.clear();
                subject.upsert(&body, &mut out);
            },
            BatchSize::SmallInput,
        );
    });
}

criterion_group! {
    name = benches;
    // A sync takes as long as the disk likes; fewer samples say as much.
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = writes
}
criterion_main!(benches);
