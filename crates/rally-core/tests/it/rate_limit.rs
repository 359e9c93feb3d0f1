use std::sync::Arc;

use rally_core::{Config, TenantDraft, store::MemoryStore};

use crate::support::{World, tenant};

#[test]
fn a_tenant_has_so_many_requests_in_each_minute_of_the_clock() {
    let world =
        World::with(Arc::new(MemoryStore::new()), Config { requests_per_minute: 2, ..Config::default() });
    let take = || world.engine.take_request(&world.acme).unwrap();
    assert_eq!((take().remaining, take().remaining), (1, 0));
    let refused = take();
    assert_eq!((refused.granted, refused.limit, refused.remaining, refused.retry_after), (false, 2, 0, 60));
    let other = tenant(&world.engine, "other");
    assert!(world.engine.take_request(&other).unwrap().granted);
    world.clock.advance(60_000_000);
    assert_eq!(take().remaining, 1);
}

#[test]
fn a_tenant_may_have_its_own_limit_or_none() {
    let world = World::new();
    for (slug, limit) in [("three", 3), ("free", 0)] {
        let draft =
            TenantDraft { slug: slug.into(), rate_limit_per_minute: Some(limit), ..TenantDraft::default() };
        world.engine.create_tenant(&draft).unwrap();
    }
    let allowance = |slug| world.engine.take_request(&world.engine.trusted_session(slug, "host").unwrap());
    assert_eq!(allowance("three").map(|allowance| allowance.limit), Some(3));
    assert_eq!(allowance("free"), None);
}
