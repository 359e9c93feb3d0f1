//! Filling an empty store, 100 contacts in a transaction.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rally_benches::{Rally, Sqlite, Subject, Synchronous, fixture, load};

fn loads(criterion: &mut Criterion) {
    let records = fixture::records() / 10;
    let mut group = criterion.benchmark_group("load");
    group.throughput(Throughput::Elements(records)).sample_size(10);
    let mut fill = |name: &str, threads: usize, open: &dyn Fn() -> Box<dyn Subject>| {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let fresh = |_| load(&*open(), 0..records, threads);
                (0..iterations).map(fresh).sum::<Duration>()
            });
        });
    };
    fill("sqlite", 1, &|| Box::new(Sqlite::open(Synchronous::Full)));
    fill("rally-memory", 1, &|| Box::new(Rally::in_memory()));
    fill("rally-redb", 1, &|| Box::new(Rally::on_redb()));
    fill("rally-redb-16-threads", 16, &|| Box::new(Rally::on_redb()));
    group.finish();
}

criterion_group!(benches, loads);
criterion_main!(benches);
