//! Users who are let in by their passwords.

use std::sync::Arc;

use rally_core::store::MemoryStore;
use rally_core::{
    Caller, Code, Engine, Error, Id, Patch, Scope, Scopes, Session, TenantId, User, UserDraft, UserUpdate,
};
use rally_testkit::{FaultyStore, ReadFault};

use crate::support::{World, tenant};

const SECRET: &str = "correct horse battery";
const REFUSED: &str = "the tenant, the e-mail address or the password is wrong";

/// A user with a password.
fn olga(email: &str) -> UserDraft {
    UserDraft::new(email, "Olga").password(SECRET)
}

fn join(session: &Session, user: &UserDraft) -> Id<User> {
    session.users().create(user).unwrap().id
}

fn log_in(engine: &Engine, email: &str, password: &str) -> Result<Session, Error> {
    engine.log_in("acme", email, password, None)
}

/// Opens the session again, as an adapter does that knows the caller from a token.
fn again(session: &Session) -> Result<Session, Error> {
    let Caller::User { id, credential_since, .. } = session.caller() else { panic!("{session:?}") };
    session.engine().session_of(session.tenant().id, Id::from_uuid(*id), *credential_since)
}

#[test]
fn a_password_opens_the_users_tenant_with_the_users_scope() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    join(&other, &olga("read@x.example").scopes(Scope::Admin));
    for (scopes, scope) in [("read", Scope::Read), ("read,write", Scope::Write), ("admin", Scope::Admin)] {
        let email = format!("{scope}@x.example");
        let id = join(&world.acme, &olga(&email).scopes(scopes.parse::<Scopes>().unwrap()));
        let opened = log_in(&world.engine, &email, SECRET).unwrap();
        for session in [&opened, &again(&opened).unwrap()] {
            assert_eq!((session.tenant(), session.scope()), (world.acme.tenant(), scope));
            assert_eq!(session.caller().to_string(), email);
            let Caller::User { id: user, name, .. } = session.caller() else { panic!("{session:?}") };
            assert_eq!((*user, name.as_str()), (id.as_uuid(), "Olga"));
        }
    }
}

#[test]
fn a_password_is_the_same_however_its_letters_are_composed() {
    let world = World::new();
    for (email, set, typed, other) in [
        ("a@x.example", "élan vital, ja", "e\u{301}lan vital, ja", "elan vital, ja"),
        ("b@x.example", "e\u{301}lan vital, ja", "élan vital, ja", "Élan vital, ja"),
        (
            "c@x.example",
            "한국어 비밀번호 하나둘",
            "한국어\u{A0}비밀번호\u{3000}하나둘",
            "한국어비밀번호하나둘",
        ),
    ] {
        join(&world.acme, &UserDraft::new(email, "Olga").password(set));
        for same in [set, typed] {
            assert!(log_in(&world.engine, email, same).is_ok(), "{same}");
        }
        assert!(log_in(&world.engine, email, other).is_err(), "{other}");
    }
}

#[test]
fn an_address_is_known_with_its_domain_in_unicode_and_in_ascii() {
    let world = World::new();
    join(&world.acme, &olga("olga@münchen.example"));
    for email in ["olga@xn--mnchen-3ya.example", "OLGA@MÜNCHEN.example"] {
        assert!(log_in(&world.engine, email, SECRET).is_ok(), "{email}");
    }
    assert!(log_in(&world.engine, "olga@munchen.example", SECRET).is_err());
}

#[test]
fn an_address_is_known_in_any_case_and_between_blanks() {
    let world = World::new();
    join(&world.acme, &olga("Olga@X.example"));
    for email in ["Olga@X.example", "olga@x.EXAMPLE", "  OLGA@X.EXAMPLE\t", "\nolga@x.example "] {
        let session = log_in(&world.engine, email, SECRET).unwrap();
        assert_eq!(session.caller().to_string(), "Olga@X.example", "as it was first written");
    }
}

#[test]
fn whoever_is_not_let_in_is_told_the_same() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    join(&world.acme, &olga("o@x.example"));
    join(&world.acme, &olga("off@x.example").is_active(false));
    join(&world.acme, &olga("none@x.example").password(Patch::Clear));
    join(&other, &olga("theirs@x.example"));
    let long = "x".repeat(10_000);
    let expected = format!("{:?}", log_in(&world.engine, "o@x.example", "wrong").unwrap_err());
    for (slug, email, password) in [
        ("acme", "o@x.example", "Correct horse battery"),
        ("acme", "o@x.example", "correct horse battery "),
        ("acme", "o@x.example", " correct horse battery"),
        ("acme", "o@x.example", ""),
        ("acme", "o@x.example", &long),
        ("acme", "nobody@x.example", SECRET),
        ("acme", "nobody@x.example", "nobody's password"),
        ("acme", "", "nobody's password"),
        ("acme", &long, SECRET),
        ("acme", "off@x.example", SECRET),
        ("acme", "none@x.example", SECRET),
        ("acme", "none@x.example", ""),
        ("acme", "none@x.example", "nobody's password"),
        ("acme", "theirs@x.example", SECRET),
        ("nowhere", "o@x.example", SECRET),
        ("", "o@x.example", SECRET),
        ("other", "o@x.example", SECRET),
    ] {
        let error = world.engine.log_in(slug, email, password, None).unwrap_err();
        assert_eq!((error.code(), error.detail()), (Code::Unauthorized, REFUSED));
        assert_eq!(format!("{error:?}"), expected, "{slug} {email} {password}");
    }
    log_in(&world.engine, "o@x.example", SECRET).unwrap();
}

#[test]
fn blanks_of_a_password_are_a_part_of_it() {
    let world = World::new();
    join(&world.acme, &olga("o@x.example").password("  twelve or more  "));
    log_in(&world.engine, "o@x.example", "  twelve or more  ").unwrap();
    for password in ["twelve or more", "  twelve or more", "twelve or more  "] {
        assert!(log_in(&world.engine, "o@x.example", password).is_err(), "{password}");
    }
}

#[test]
fn a_store_that_does_not_answer_is_no_wrong_password() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    join(&world.acme, &olga("o@x.example"));
    let session = log_in(&world.engine, "o@x.example", SECRET).unwrap();
    store.fail_read(0, ReadFault::Unavailable);
    assert!(log_in(&world.engine, "o@x.example", SECRET).unwrap_err().is_unavailable());
    store.heal();
    store.fail_read(0, ReadFault::Unavailable);
    assert!(again(&session).unwrap_err().is_unavailable());
    store.heal();
    again(&session).unwrap();
}

#[test]
fn what_was_opened_ends_with_what_it_was_opened_with() {
    for (change, ends) in [
        (UserUpdate::new().name("Oda"), false),
        (UserUpdate::new().email("oda@x.example"), false),
        (UserUpdate::new().scopes(Scope::Admin), false),
        (UserUpdate::new().is_active(true), false),
        (UserUpdate::new().password("another horse battery"), true),
        (UserUpdate::new().password(SECRET), true),
        (UserUpdate::new().password(Patch::Clear), true),
        (UserUpdate::new().is_active(false), true),
    ] {
        let world = World::new();
        let id = join(&world.acme, &olga("o@x.example"));
        let session = log_in(&world.engine, "o@x.example", SECRET).unwrap();
        let changed = world.acme.users().update(id, &change).unwrap();
        let reopened = again(&session);
        assert_eq!(reopened.is_err(), ends, "{change:?}");
        match reopened {
            Ok(session) => assert_eq!(session.scope(), changed.scopes.highest(), "{change:?}"),
            Err(error) => assert_eq!(format!("{error:?}"), format!("{:?}", Error::unauthorized())),
        }
    }
}

#[test]
fn what_has_ended_is_not_opened_by_making_the_user_active_again() {
    let world = World::new();
    let users = world.acme.users();
    let id = join(&world.acme, &olga("o@x.example"));
    let before = log_in(&world.engine, "o@x.example", SECRET).unwrap();
    users.update(id, &UserUpdate::new().is_active(false)).unwrap();
    users.update(id, &UserUpdate::new().is_active(true)).unwrap();
    assert!(again(&before).is_err());
    let after = log_in(&world.engine, "o@x.example", SECRET).unwrap();
    again(&after).unwrap();
    users.delete(id).unwrap();
    assert!(again(&after).is_err());
    join(&world.acme, &olga("o@x.example"));
    assert!(again(&after).is_err() && again(&before).is_err());
}

#[test]
fn a_session_is_of_the_tenant_that_it_was_opened_for() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    join(&world.acme, &olga("o@x.example"));
    let session = log_in(&world.engine, "o@x.example", SECRET).unwrap();
    let Caller::User { id, credential_since, .. } = session.caller() else { panic!("{session:?}") };
    let id = Id::from_uuid(*id);
    for (tenant, id, since) in [
        (other.tenant().id, id, *credential_since),
        (TenantId::DIRECTORY, id, *credential_since),
        (TenantId::from_uuid(id.as_uuid()), id, *credential_since),
        (session.tenant().id, Id::from_uuid(session.tenant().id.as_uuid()), *credential_since),
        (session.tenant().id, id, credential_since.plus_micros(1)),
        (session.tenant().id, id, credential_since.plus_micros(-1)),
    ] {
        let error = world.engine.session_of(tenant, id, since).unwrap_err();
        assert_eq!(format!("{error:?}"), format!("{:?}", Error::unauthorized()));
    }
}

#[test]
fn a_password_that_is_tried_is_nowhere_shown_and_nowhere_kept() {
    let world = World::new();
    join(&world.acme, &olga("o@x.example"));
    let session = log_in(&world.engine, "o@x.example", SECRET).unwrap();
    let wrong = "wrong horse battery";
    let error = log_in(&world.engine, "o@x.example", wrong).unwrap_err();
    let shown = format!("{session:?} {:?} {error:?} {error}", world.engine);
    assert!(!shown.contains("horse") && !shown.contains("argon2"), "{shown}");
    for entry in [world.acme.tenant().id, TenantId::DIRECTORY].iter().flat_map(|id| world.stored(*id)) {
        let holds = |bytes: &[u8]| bytes.windows(5).any(|part| part == b"horse");
        assert!(!holds(&entry.value) && !holds(entry.key.as_bytes()), "{entry:?}");
    }
}
