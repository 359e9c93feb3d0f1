//! The cost of a page, counted in the reads of the store, never in time.

use std::sync::Arc;

use rally_core::{Atomicity, Contact, ContactDraft, ListQuery, Query, store::MemoryStore};
use rally_testkit::CountingStore;

use crate::support::{World, ada};

/// Entries that the store reads for a page, at the most: the page itself, what is passed over in its block, and the
/// blocks of three levels.
const MOST: usize = 101 + 64 + 3 * 64;

fn entries_read(store: &CountingStore, world: &World, query: ListQuery<Contact>) -> usize {
    store.reset();
    world.acme.contacts().list(query).unwrap();
    let counts = store.counts();
    counts.entries + counts.keys_asked + counts.gets
}

#[test]
fn a_page_costs_the_same_at_any_offset_and_a_total_is_one_read() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    for first in (0..10_000).step_by(100) {
        let draft = |number| ada(&format!("c{number}@x.example"));
        let drafts: Vec<ContactDraft> = (first..first + 100).map(draft).collect();
        world.acme.contacts().create_many(&drafts, Atomicity::AllOrNothing).unwrap();
    }
    for offset in [0, 1, 4_999, 9_899, 9_999, 10_000, 1_000_000] {
        let read = entries_read(&store, &world, Query::all().offset(offset).counted());
        assert!(read <= MOST, "offset {offset} reads {read} entries");
    }
    let page = world.acme.contacts().list(Query::all().offset(4_000)).unwrap();
    for query in [
        Query::all().after(page.records[99].id),
        Query::all().after(page.records[99].id).offset(3_000),
        Query::all().offset(4_100).not_behind(page.end),
        Query::all().offset(4_050).not_behind(page.end),
        Query::all().offset(8_000).not_behind(page.end),
    ] {
        let read = entries_read(&store, &world, query.counted());
        assert!(read <= 2 * MOST, "a page that goes on behind a record reads {read} entries");
    }
    let middle = world.acme.contacts().list(Query::all().offset(5_000).limit(1)).unwrap();
    let since = middle.records[0].updated_at;
    for offset in [0, 1, 2_500, 4_998] {
        let read = entries_read(&store, &world, Query::all().updated_since(since).offset(offset).counted());
        assert!(read <= 2 * MOST + 100, "offset {offset} reads {read} entries");
    }
    let page = world.acme.contacts().list(Query::all().updated_since(since).offset(2_500)).unwrap();
    let next = Query::all().updated_since(since).offset(2_600).not_behind(page.end);
    let read = entries_read(&store, &world, next.counted());
    assert!(read <= 2 * MOST + 100, "a page that goes on behind a change reads {read} entries");
    let one = Query::all().limit(1).counted();
    assert!(entries_read(&store, &world, one) <= 3, "one read for the total");
}

#[test]
fn a_page_costs_the_same_where_many_records_are_gone() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    let mut ids = Vec::new();
    for first in (0..10_000).step_by(100) {
        let drafts: Vec<ContactDraft> =
            (first..first + 100).map(|number| ada(&format!("c{number}@x.example"))).collect();
        let made = world.acme.contacts().create_many(&drafts, Atomicity::AllOrNothing).unwrap();
        ids.extend(made.items.into_iter().map(Result::unwrap));
    }
    // Some here and there, and a long run.
    let is_gone = |place: usize| place.is_multiple_of(3) || (2_000..5_000).contains(&place);
    let (gone, left): (Vec<_>, Vec<_>) = ids.into_iter().enumerate().partition(|(place, _)| is_gone(*place));
    world.acme.write(|tx| gone.iter().try_for_each(|(_, id)| tx.contacts().delete(*id))).unwrap();
    let total = u64::try_from(left.len()).unwrap();
    for offset in [0, 1, 700, 1_333, 1_334, 4_000, total - 1, total, total + 1_000] {
        let query = Query::all().offset(offset).limit(20).counted();
        let read = entries_read(&store, &world, query.clone());
        assert!(read <= MOST, "offset {offset} reads {read} entries");
        let page = world.acme.contacts().list(query).unwrap();
        let expected = left.iter().skip(usize::try_from(offset).unwrap()).take(20).map(|(_, id)| *id);
        assert!(page.records.iter().map(|contact| contact.id).eq(expected), "offset {offset}");
        assert_eq!(page.total, Some(total));
    }
}
