use rally_core::{Code, Profile, TenantDraft};

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
