use std::sync::Arc;

use rally_core::{
    Code, Config, Currency, Engine, Profile, Query, Session, TenantDraft, TenantUpdate, store::MemoryStore,
};
use rally_testkit::{FaultyStore, WriteFault};

use crate::support::{World, told};

/// A session that begins now.
fn anew(engine: &Engine, slug: &str) -> Session {
    engine.tenant(slug).unwrap().trusted_session("host").unwrap()
}

#[test]
fn a_slug_is_one_dns_label_and_unique() {
    let world = World::new();
    assert!(world.engine.create_tenant(&TenantDraft::new("acme")).unwrap_err().is_duplicate());
    for slug in ["", "Acme", "a.b", "-a", "a_b", &"a".repeat(64)] {
        assert!(world.engine.create_tenant(&TenantDraft::new(slug)).unwrap_err().is_invalid(), "{slug}");
    }
    world.engine.create_tenant(&TenantDraft::new("a".repeat(63))).unwrap();
}

#[test]
fn all_tenants_are_listed_oldest_first() {
    let world = World::new();
    for number in 0..250 {
        world.engine.create_tenant(&TenantDraft::new(format!("t{number}"))).unwrap();
    }
    let slugs: Vec<String> = world.engine.tenants().unwrap().into_iter().map(|tenant| tenant.slug).collect();
    assert_eq!((slugs.len(), slugs[0].as_str(), slugs[250].as_str()), (251, "acme", "t249"));
    assert_eq!(world.engine.tenant("t7").unwrap().slug, "t7");
}

#[test]
fn an_unknown_tenant_is_named() {
    let world = World::new();
    let error = world.engine.tenant("nobody").unwrap_err();
    assert_eq!((error.code(), error.detail()), (Code::NotFound, "there is no tenant \"nobody\""));
}

#[test]
fn a_tenants_own_settings_go_before_the_engines() {
    let world = World::new();
    let own = TenantDraft::new("own").rate_limit_per_minute(3u32).profile(Profile::Strict);
    world.engine.create_tenant(&own.default_currency(Currency::EUR)).unwrap();
    let session = anew(&world.engine, "own");
    let tenant = session.tenant();
    assert_eq!((tenant.requests_per_minute, tenant.profile), (3, Profile::Strict));
    assert_eq!(tenant.default_currency, Currency::EUR);
    let tenant = world.acme.tenant();
    assert_eq!((tenant.requests_per_minute, tenant.profile), (1_000, Profile::Documented));
    let wrong = TenantDraft::new("x").rate_limit_per_minute(1_000_000_001u32);
    assert_eq!(
        told(&world.engine.create_tenant(&wrong).unwrap_err()).1,
        ["rateLimitPerMinute must be 0 to 1000000000"]
    );
}

#[test]
fn settings_change_here_at_once_and_on_every_server_within_a_second() {
    let store = Arc::new(MemoryStore::new());
    let world = World::on(store.clone());
    let (environment, clock) = rally_testkit::environment(8);
    let there = Engine::with(store, environment, Config::default());
    let settings = |engine: &Engine| {
        let session = anew(engine, "acme");
        (session.tenant().requests_per_minute, session.tenant().profile)
    };
    assert_eq!(settings(&there), (1_000, Profile::Documented));
    let change = |update: TenantUpdate| world.engine.tenant("acme").unwrap().update("host", &update).unwrap();
    let tenant = change(TenantUpdate::new().rate_limit_per_minute(7u32).profile(Profile::Strict));
    assert_eq!((tenant.rate_limit_per_minute, tenant.profile), (Some(7), Some(Profile::Strict)));
    assert_eq!(settings(&world.engine), (7, Profile::Strict));
    assert_eq!(settings(&there), (1_000, Profile::Documented), "it has read the tenant in this second");
    clock.advance(1_000_000);
    assert_eq!(settings(&there), (7, Profile::Strict));
    let tenant = change(TenantUpdate::new().rate_limit_per_minute(None));
    assert_eq!((tenant.rate_limit_per_minute, tenant.profile), (None, Some(Profile::Strict)));
    clock.advance(1_000_000);
    assert_eq!(settings(&there), (1_000, Profile::Strict));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let world = World::new();
    let acme = world.engine.tenant("acme").unwrap();
    let wrong = TenantUpdate::new().rate_limit_per_minute(u32::MAX).name("x".repeat(256)).slug("a b");
    let error = acme.update("host", &wrong).unwrap_err();
    assert_eq!((told(&error).0, told(&error).1.len()), ("validation", 3));
    assert_eq!(*world.engine.tenant("acme").unwrap(), *acme);
}

#[test]
fn a_tenant_whose_pipeline_could_not_be_made_gets_it_when_it_is_first_asked_for() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let engine = Engine::with(store.clone(), rally_testkit::environment(7).0, Config::default());
    store.fail_write(1, WriteFault::Unavailable);
    let tenant = engine.create_tenant(&TenantDraft::new("acme")).unwrap();
    store.heal();
    assert_eq!(engine.tenant("acme").unwrap().id, tenant.id);
    let pipelines = anew(&engine, "acme").pipelines().list(Query::all()).unwrap().records;
    assert_eq!(pipelines.len(), 1);
    assert!(pipelines[0].is_default);
}

#[test]
fn a_session_goes_by_the_settings_that_it_was_opened_with() {
    let world = World::new();
    let strict = TenantUpdate::new().profile(Profile::Strict);
    world.engine.tenant("acme").unwrap().update("host", &strict).unwrap();
    assert_eq!(world.acme.tenant().profile, Profile::Documented);
    assert_eq!(anew(&world.engine, "acme").tenant().profile, Profile::Strict);
}
