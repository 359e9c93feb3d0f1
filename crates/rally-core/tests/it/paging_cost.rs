//! What a page costs is counted in what the store is asked for, never in time.

use std::sync::Arc;

use rally_core::{Json, ListQuery, WriteOptions, store::MemoryStore};
use rally_testkit::CountingStore;

use crate::support::World;

/// Entries that the store reads for a page, at the most: the page itself, what is passed over in its block, and the
/// blocks of three levels.
const MOST: usize = 101 + 64 + 3 * 64;

fn entries_read(store: &CountingStore, world: &World, query: &ListQuery) -> usize {
    store.reset();
    world.acme.contacts().list(query).unwrap();
    let counts = store.counts();
    counts.entries + counts.keys_asked + counts.gets
}

#[test]
fn a_page_costs_the_same_at_any_offset_and_a_total_is_one_read() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    let mut number = 0;
    for _ in 0..100 {
        let items: Vec<String> = (0..100)
            .map(|_| {
                number += 1;
                format!(r#"{{"firstName":"A","lastName":"B","email":"c{number}@x.example"}}"#)
            })
            .collect();
        let body = format!("[{}]", items.join(","));
        world.acme.contacts().create_many(&Json(body.as_bytes()), true, &WriteOptions::default()).unwrap();
    }
    for offset in [0, 1, 4_999, 9_899, 9_999, 10_000, 1_000_000] {
        let read = entries_read(&store, &world, &ListQuery { offset, count: true, ..ListQuery::default() });
        assert!(read <= MOST, "offset {offset} reads {read} entries");
    }
    let middle =
        world.acme.contacts().list(&ListQuery { offset: 5_000, limit: 1, ..ListQuery::default() }).unwrap();
    let since = middle.rows[0].updated_at().unwrap();
    for offset in [0, 1, 2_500, 4_998] {
        let query = ListQuery { offset, count: true, updated_since: Some(since), ..ListQuery::default() };
        let read = entries_read(&store, &world, &query);
        assert!(read <= 2 * MOST + 100, "offset {offset} reads {read} entries");
    }
    let empty = ListQuery { limit: 1, count: true, ..ListQuery::default() };
    assert!(entries_read(&store, &world, &empty) <= 3, "one read for the total");
}
