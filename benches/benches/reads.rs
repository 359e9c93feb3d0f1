//! Reading: one contact, pages of 100, three members of each, what changed since, and the total.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rally_benches::{Members, Rally, Sqlite, Subject, Synchronous, fixture, load};

fn reads(criterion: &mut Criterion) {
    let records = fixture::records();
    let mut sqlite = Sqlite::open(Synchronous::Full);
    let mut redb = Rally::on_redb();
    let mut memory = Rally::in_memory();
    let subjects: [(&str, &mut dyn Subject); 3] =
        [("sqlite", &mut sqlite), ("rally-memory", &mut memory), ("rally-redb", &mut redb)];
    for (name, subject) in subjects {
        load(subject, 0..records, 1);
        subject.note_loaded();
        read_all(criterion, name, subject, records);
    }
}

fn read_all(criterion: &mut Criterion, name: &str, subject: &dyn Subject, records: u64) {
    let mut next = 0;
    let mut read = |operation: &str, read: &dyn Fn(u64, &mut Vec<u8>)| {
        let mut out = Vec::new();
        criterion.bench_function(&format!("{operation}/{name}"), |bencher| {
            bencher.iter(|| {
                next += 1;
                out.clear();
                read(next, &mut out);
                black_box(out.len())
            });
        });
    };
    let deep = fixture::deep(records);
    read("get", &|index, out| subject.get(index, out));
    read("list-100", &|_, out| {
        subject.list(0, Members::All, out);
    });
    read("list-100-deep", &|_, out| {
        subject.list(deep, Members::All, out);
    });
    read("list-100-three-members", &|_, out| {
        subject.list(0, Members::Three, out);
    });
    read("updated-since-100", &|index, out| {
        subject.updated_since(index, out);
    });
    read("total", &|_, _| {
        black_box(subject.total());
    });
}

criterion_group!(benches, reads);
criterion_main!(benches);
