use std::sync::Arc;

use rally_core::{
    Code, Config, Engine, ListQuery, Patch, Profile, TenantChange, TenantDraft, store::MemoryStore,
};
use rally_testkit::{FaultyStore, WriteFault};

use crate::support::{World, told};

fn draft(slug: &str) -> TenantDraft {
    TenantDraft { slug: slug.to_owned(), ..TenantDraft::default() }
}

#[test]
fn a_slug_is_one_dns_label_and_unique() {
    let world = World::new();
    assert!(world.engine.create_tenant(&draft("acme")).unwrap_err().is_duplicate());
    for slug in ["", "Acme", "a.b", "-a", "a_b", &"a".repeat(64)] {
        assert!(world.engine.create_tenant(&draft(slug)).unwrap_err().is_invalid(), "{slug}");
    }
    world.engine.create_tenant(&draft(&"a".repeat(63))).unwrap();
}

#[test]
fn all_tenants_are_listed_oldest_first() {
    let world = World::new();
    for number in 0..250 {
        world.engine.create_tenant(&draft(&format!("t{number}"))).unwrap();
    }
    let slugs: Vec<String> = world.engine.tenants().unwrap().into_iter().map(|tenant| tenant.slug).collect();
    assert_eq!((slugs.len(), slugs[0].as_str(), slugs[250].as_str()), (251, "acme", "t249"));
    assert_eq!(world.engine.tenant("t7").unwrap().slug, "t7");
}

#[test]
fn an_unknown_tenant_is_named() {
    let world = World::new();
    let error = world.engine.trusted_session("nobody", "host").unwrap_err();
    assert_eq!((error.code(), error.detail()), (Code::NotFound, "there is no tenant \"nobody\""));
}

#[test]
fn a_tenants_own_settings_go_before_the_engines() {
    let world = World::new();
    let own = TenantDraft { rate_limit_per_minute: Some(3), profile: Some("strict".into()), ..draft("own") };
    world.engine.create_tenant(&own).unwrap();
    let session = world.engine.trusted_session("own", "host").unwrap();
    assert_eq!((session.tenant().requests_per_minute, session.tenant().profile), (3, Profile::Strict));
    let tenant = world.acme.tenant();
    assert_eq!((tenant.requests_per_minute, tenant.profile), (1_000, Profile::Documented));
    let wrong = TenantDraft { profile: Some("lax".into()), ..draft("x") };
    assert_eq!(
        told(&world.engine.create_tenant(&wrong).unwrap_err()).1,
        ["profile must be one of documented, strict"]
    );
}

#[test]
fn settings_change_here_at_once_and_on_every_server_within_a_second() {
    let store = Arc::new(MemoryStore::new());
    let world = World::on(store.clone());
    let (environment, clock) = rally_testkit::environment(8);
    let there = Engine::with(store, environment, Config::default());
    let settings = |engine: &Engine| {
        let session = engine.trusted_session("acme", "host").unwrap();
        (session.tenant().requests_per_minute, session.tenant().profile)
    };
    assert_eq!(settings(&there), (1_000, Profile::Documented));
    let change = |change: TenantChange| world.engine.change_tenant("acme", &change).unwrap();
    let tenant = change(TenantChange { rate_limit_per_minute: Patch::Set(7), profile: "strict".into() });
    assert_eq!((tenant.rate_limit_per_minute, tenant.profile.as_deref()), (Some(7), Some("strict")));
    assert_eq!(settings(&world.engine), (7, Profile::Strict));
    assert_eq!(settings(&there), (1_000, Profile::Documented), "it has read the tenant in this second");
    clock.advance(1_000_000);
    assert_eq!(settings(&there), (7, Profile::Strict));
    let tenant = change(TenantChange { rate_limit_per_minute: Patch::Clear, ..TenantChange::default() });
    assert_eq!((tenant.rate_limit_per_minute, tenant.profile.as_deref()), (None, Some("strict")));
    clock.advance(1_000_000);
    assert_eq!(settings(&there), (1_000, Profile::Strict));
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let world = World::new();
    let change = TenantChange { rate_limit_per_minute: Patch::Set(u32::MAX), profile: "lax".into() };
    let error = world.engine.change_tenant("acme", &change).unwrap_err();
    assert_eq!((told(&error).0, told(&error).1.len()), ("validation", 2));
    let error = world.engine.change_tenant("nobody", &TenantChange::default()).unwrap_err();
    assert_eq!((error.code(), error.detail()), (Code::NotFound, "there is no tenant \"nobody\""));
}

#[test]
fn a_tenant_whose_pipeline_could_not_be_made_gets_it_when_it_is_first_asked_for() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let engine = Engine::with(store.clone(), rally_testkit::environment(7).0, Config::default());
    store.fail_write(1, WriteFault::Unavailable);
    let tenant = engine.create_tenant(&draft("acme")).unwrap();
    store.heal();
    assert_eq!(engine.tenant("acme").unwrap().id, tenant.id);
    let session = engine.trusted_session("acme", "host").unwrap();
    let pipelines = session.pipelines().list(&ListQuery::default()).unwrap().rows;
    assert_eq!(pipelines.len(), 1);
    assert!(pipelines[0].read().unwrap().is_default);
}

#[test]
fn a_session_goes_by_the_settings_that_it_was_opened_with() {
    let world = World::new();
    let change = TenantChange { profile: Patch::Set("strict".into()), ..TenantChange::default() };
    world.engine.change_tenant("acme", &change).unwrap();
    assert_eq!(world.acme.tenant().profile, Profile::Documented);
    let anew = world.engine.trusted_session("acme", "host").unwrap();
    assert_eq!(anew.tenant().profile, Profile::Strict);
}
