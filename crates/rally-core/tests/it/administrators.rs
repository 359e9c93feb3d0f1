//! Somebody can always administer a tenant: the last credential that works and has the scope admin stays, and is let go as
//! soon as there is another, behind however many that do not work.

use rally_core::{
    ApiKey, ApiKeyDraft, ApiKeyUpdate, Error, Id, Patch, Query, Scope, Timestamp, User, UserDraft, UserUpdate,
};

use crate::support::{World, report};

const SECRET: &str = "correct horse battery";
const LAST: &str = "must stay as it is for the tenant's last admin credential that works; make another first";

/// One more than a page of an index, so that whoever looks at a page alone sees none that works.
const HIDING: usize = 101;

/// The instant at which the keys that hide others expire.
fn soon(world: &World) -> Timestamp {
    world.engine.clock().now().plus_micros(60_000_000)
}

/// Adds a hundred and one keys that have expired, and then as many users who could not log in, all with the scope admin.
fn hide(world: &World) {
    let draft = ApiKeyDraft::new("expired").scopes(Scope::Admin).expires_at(soon(world));
    for _ in 0..HIDING {
        world.acme.api_keys().mint(&draft).unwrap();
    }
    world.clock.advance(60_000_000);
    world
        .acme
        .write(|tx| {
            (0..HIDING).try_for_each(|number| {
                let user = UserDraft::new(format!("u{number}@x.example"), "Nobody").scopes(Scope::Admin);
                tx.users().create(&user).map(drop)
            })
        })
        .unwrap();
}

fn admin_key(world: &World) -> Id<ApiKey> {
    world.acme.api_keys().mint(&ApiKeyDraft::new("robot").scopes(Scope::Admin)).unwrap().model.id
}

fn admin_user(world: &World) -> Id<User> {
    let olga = UserDraft::new("o@x.example", "Olga").scopes(Scope::Admin).password(SECRET);
    world.acme.users().create(&olga).unwrap().id
}

/// The ways in which a key stops working as an admin's, each with the member that is told.
fn ways_of_keys(now: Timestamp) -> [(ApiKeyUpdate, &'static str); 5] {
    [
        (ApiKeyUpdate::new().is_active(false), "isActive"),
        (ApiKeyUpdate::new().scopes(Scope::Read | Scope::Write), "scopes"),
        (ApiKeyUpdate::new().scopes(Patch::Clear), "scopes"),
        (ApiKeyUpdate::new().expires_at(now), "expiresAt"),
        (ApiKeyUpdate::new().expires_at(now.plus_micros(-1)), "expiresAt"),
    ]
}

/// The ways in which a user stops being an admin who can log in.
fn ways_of_users() -> [(UserUpdate, &'static str); 4] {
    [
        (UserUpdate::new().is_active(false), "isActive"),
        (UserUpdate::new().scopes(Scope::Write), "scopes"),
        (UserUpdate::new().scopes(Patch::Clear), "scopes"),
        (UserUpdate::new().password(Patch::Clear), "password"),
    ]
}

#[track_caller]
fn is_last(error: &Error, member: &str) {
    assert_eq!(report(error), format!("validation\n{member} {LAST}"));
}

#[test]
fn the_last_key_that_works_stays_whatever_hides_it() {
    let world = World::new();
    hide(&world);
    let (keys, last, now) = (world.acme.api_keys(), admin_key(&world), world.engine.clock().now());
    for (update, member) in ways_of_keys(now) {
        is_last(&world.refused(|| keys.update(last, &update)), member);
    }
    is_last(&world.refused(|| keys.revoke(last)), "isActive");
    // It may change in every way that leaves it working.
    let harmless = ApiKeyUpdate::new().name("x").scopes(Scope::Read | Scope::Admin).expires_at(soon(&world));
    keys.update(last, &harmless).unwrap();
    assert!(keys.get(last).unwrap().is_active);
}

#[test]
fn the_last_user_who_can_log_in_stays_whatever_hides_it() {
    let world = World::new();
    hide(&world);
    let (users, last) = (world.acme.users(), admin_user(&world));
    for (update, member) in ways_of_users() {
        is_last(&world.refused(|| users.update(last, &update)), member);
    }
    let error = world.refused(|| users.delete(last));
    assert_eq!(report(&error), "validation\nscopes must not go with the last active user who is an admin");
    let harmless = UserUpdate::new().name("x").scopes(Scope::Read | Scope::Admin).password("another battery");
    users.update(last, &harmless).unwrap();
    world.engine.log_in("acme", "o@x.example", "another battery", None).unwrap();
}

#[test]
fn a_key_is_let_go_when_another_key_behind_many_works() {
    for way in 0..5 {
        let world = World::new();
        let first = admin_key(&world);
        hide(&world);
        let other = admin_key(&world);
        let (update, member) = ways_of_keys(world.engine.clock().now()).into_iter().nth(way).unwrap();
        world.acme.api_keys().update(first, &update).unwrap();
        // The other way round it is now the last one.
        is_last(&world.refused(|| world.acme.api_keys().update(other, &update)), member);
    }
}

#[test]
fn a_key_is_let_go_when_a_user_behind_many_can_log_in_and_the_other_way_round() {
    let world = World::new();
    let key = admin_key(&world);
    hide(&world);
    let user = admin_user(&world);
    world.acme.api_keys().revoke(key).unwrap();
    let no_password = UserUpdate::new().password(Patch::Clear);
    is_last(&world.refused(|| world.acme.users().update(user, &no_password)), "password");
    let key = admin_key(&world);
    world.acme.users().update(user, &no_password).unwrap();
    is_last(&world.refused(|| world.acme.api_keys().revoke(key)), "isActive");
}

#[test]
fn a_user_is_let_go_when_another_user_behind_many_can_log_in() {
    for (update, member) in ways_of_users() {
        let world = World::new();
        let first = admin_user(&world);
        hide(&world);
        let other = UserDraft::new("p@x.example", "Piet").scopes(Scope::Admin).password(SECRET);
        let other = world.acme.users().create(&other).unwrap().id;
        world.acme.users().update(first, &update).unwrap();
        is_last(&world.refused(|| world.acme.users().update(other, &update)), member);
    }
    let world = World::new();
    let first = admin_user(&world);
    hide(&world);
    let key = admin_key(&world);
    world.acme.users().delete(first).unwrap();
    is_last(&world.refused(|| world.acme.api_keys().revoke(key)), "isActive");
}

#[test]
fn those_that_do_not_work_go_without_further_ado() {
    let world = World::new();
    hide(&world);
    let last = admin_key(&world);
    let view = world.acme.view().unwrap();
    for key in view.api_keys().all(Query::all()).unwrap().map(Result::unwrap).filter(|key| key.id != last) {
        world.acme.api_keys().revoke(key.id).unwrap();
    }
    // The last user who is an admin stays one, able to log in or not.
    for user in view.users().all(Query::all()).unwrap().skip(1) {
        world.acme.users().delete(user.unwrap().id).unwrap();
    }
    is_last(&world.refused(|| world.acme.api_keys().revoke(last)), "isActive");
}

#[test]
fn what_has_been_the_last_one_is_judged_within_a_transaction_by_what_it_leaves() {
    let world = World::new();
    hide(&world);
    let last = admin_user(&world);
    let leave = |is_replaced: bool| {
        world.acme.write(|tx| {
            if is_replaced {
                let next = UserDraft::new("p@x.example", "Piet").scopes(Scope::Admin).password(SECRET);
                tx.users().create(&next)?;
            }
            tx.users().delete(last)
        })
    };
    assert!(world.refused(|| leave(false)).is_invalid());
    leave(true).unwrap();
    world.engine.log_in("acme", "p@x.example", SECRET, None).unwrap();
}
