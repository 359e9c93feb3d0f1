//! Limits of failed logins, and the callers that they do not affect.

use std::{convert::Infallible, sync::Arc};

use axum::response::Response;
use rally_http::{Config, GuessLimits, limits, router};
use tokio::{runtime, task::JoinHandle};
use tower::ServiceExt;

use super::{CONTACTS, REFUSED};
use crate::{
    callers::PASSWORD,
    support::{ADA, Api, Ask, Held, HeldStore, Setting},
};

type Sent = JoinHandle<Result<Response, Infallible>>;

const FAILURES: u32 = limits::FAILED_LOGINS_PER_MINUTE;

#[test]
fn an_account_takes_ten_failures_a_minute_and_then_nothing() {
    let api = Api::new();
    for email in ["ada@x.example", "eve@x.example"] {
        api.add_user("acme", email, "read");
        api.add_user("other", email, "read");
    }
    for turn in 0..FAILURES {
        // One that succeeds is not counted.
        api.log_in("acme", "ada@x.example", PASSWORD).send().is(200);
        let email = if turn % 2 == 0 { "ada@x.example" } else { " ADA@X.example " };
        assert_eq!(api.log_in("acme", email, "wrong").send().told(), REFUSED);
    }
    for password in ["wrong", PASSWORD] {
        let refused = api.log_in("ACME", "Ada@x.example", password).send();
        assert_eq!(refused.told(), "429 rate_limited: all 10 failed logins of this minute are spent");
        assert_eq!(refused.header("Retry-After"), "60");
        assert_eq!(refused.header("Cache-Control"), "no-store");
    }
    api.log_in("acme", "eve@x.example", PASSWORD).send().is(200);
    api.log_in("other", "ada@x.example", PASSWORD).send().is(200);
    api.clock.advance(59_999_999);
    api.log_in("acme", "ada@x.example", PASSWORD).send().is(429);
    api.clock.advance(1);
    api.log_in("acme", "ada@x.example", PASSWORD).send().is(200);
}

#[test]
fn an_account_that_is_none_is_limited_like_one() {
    let api = Api::new();
    for (tenant, email) in [("acme", "nobody@x.example"), ("nobody", "ada@x.example")] {
        for _ in 0..FAILURES {
            api.log_in(tenant, email, "wrong").send().is(401);
        }
        api.log_in(tenant, email, "wrong").send().is(429);
    }
}

#[test]
fn an_account_is_one_in_whatever_letters_it_is_written() {
    let api = Api::unlimited();
    api.add_user("acme", "böss@münchen.example", "admin");
    api.log_in("acme", "bo\u{308}ss@xn--mnchen-3ya.example", PASSWORD).send().is(200);
    let spellings = [
        "böss@münchen.example",
        "BÖSS@MÜNCHEN.example",
        "bo\u{308}ss@mu\u{308}nchen.example",
        "bÖss@xn--mnchen-3ya.example",
    ];
    for email in spellings.iter().cycle().take(FAILURES.try_into().unwrap()) {
        api.log_in("acme", email, "wrong").send().is(401);
    }
    for email in spellings {
        api.log_in("acme", email, "wrong").send().is(429);
    }
}

#[test]
fn a_source_that_was_wrong_too_often_does_not_log_in_where_it_is_a_stranger() {
    let http = Config { failed_credentials_per_minute: 3, ..Config::default() };
    let api = Api::with(Setting { http, ..Setting::default() });
    api.add_user("acme", "ada@x.example", "read");
    let log_in =
        |source: &str, email: &str, password: &str| api.log_in("acme", email, password).from(source).send();
    api.add_user("acme", "eve@x.example", "read");
    log_in("192.0.2.1:1", "eve@x.example", PASSWORD).is(200);
    for email in ["a@x.example", "b@x.example", "c@x.example"] {
        log_in("192.0.2.1:1", email, "wrong").is(401);
    }
    let refused = log_in("192.0.2.1:3", "ada@x.example", PASSWORD).is(429);
    log_in("192.0.2.1:3", "eve@x.example", PASSWORD).is(200);
    assert_eq!(refused.header("Retry-After"), "60");
    log_in("192.0.2.2:1", "ada@x.example", PASSWORD).is(200);
    api.get(CONTACTS).from("192.0.2.1:4").send().is(200);
    api.clock.advance(60_000_000);
    log_in("192.0.2.1:3", "ada@x.example", PASSWORD).is(200);
}

#[test]
fn a_key_works_while_thousands_of_wrong_ones_are_tried_from_where_it_is() {
    let api = Api::new();
    let source = "192.0.2.1:1";
    for turn in 0..2_000 {
        let status = if turn < limits::FAILED_CREDENTIALS_PER_MINUTE { 401 } else { 429 };
        api.get(CONTACTS).key(&format!("rk_live_{turn}")).from(source).send().is(status);
    }
    let known = api.get(CONTACTS).from(source).send().is(200);
    assert_eq!(known.header("X-RateLimit-Remaining"), "999");
}

#[test]
fn the_api_goes_on_while_logins_take_long() {
    let store = Arc::new(HeldStore::default());
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    api.get(CONTACTS).send().is(200);
    let app = router(api.engine.clone(), Config::default());
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let send = |ask: Ask<'_>| runtime.spawn(app.clone().oneshot(ask.into_request()));
    let status = |sent: Sent| runtime.block_on(sent).unwrap().unwrap().status().as_u16();
    let held = store.hold_next_write();
    let first = send(api.log_in("acme", "first@x.example", "wrong"));
    let held = runtime
        .block_on(runtime.spawn_blocking(move || {
            held.wait();
            held
        }))
        .unwrap();
    let others: Vec<Sent> =
        (0..20).map(|number| send(api.log_in("acme", &format!("{number}@x.example"), "wrong"))).collect();
    assert_eq!(status(send(api.get(CONTACTS))), 200);
    assert_eq!(status(send(api.post(CONTACTS, ADA))), 201);
    assert!(!first.is_finished());
    held.release();
    for login in [first].into_iter().chain(others) {
        assert_eq!(status(login), 401);
    }
}

#[test]
fn more_logins_than_can_wait_are_told_to_come_again() {
    let api = Api::unlimited();
    let config = Config { failed_credentials_per_minute: 0, passwords_waiting: 32, ..Config::default() };
    let app = router(api.engine.clone(), config);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let at_once = std::thread::available_parallelism().unwrap().get();
    let logins: Vec<_> = (0..at_once + 100)
        .map(|number| {
            let request = api.log_in("acme", &format!("{number}@x.example"), "wrong").into_request();
            runtime.spawn(app.clone().oneshot(request))
        })
        .collect();
    let status = |login: Sent| runtime.block_on(login).unwrap().unwrap().status().as_u16();
    let statuses: Vec<u16> = logins.into_iter().map(status).collect();
    let count = |status: u16| statuses.iter().filter(|told| **told == status).count();
    assert!(count(401) > 32, "{statuses:?}");
    assert!(count(503) > 0, "{statuses:?}");
    assert_eq!(count(401) + count(503), statuses.len(), "{statuses:?}");
}

#[test]
fn failed_keys_refuse_no_login_and_failed_logins_no_key() {
    let api = Api::new();
    api.add_user("acme", "ada@x.example", "read");
    let proxy = "10.0.0.1:1";
    for turn in 0..=limits::FAILED_CREDENTIALS_PER_MINUTE {
        let status = if turn < limits::FAILED_CREDENTIALS_PER_MINUTE { 401 } else { 429 };
        api.get(CONTACTS).key("rk_live_wrong").from(proxy).send().is(status);
    }
    api.log_in("acme", "ada@x.example", PASSWORD).from(proxy).send().is(200);
    let refused = api.log_in("acme", "ada@x.example", "wrong").from(proxy).send().is(401);
    assert_eq!(refused.header("X-RateLimit-Remaining"), "59", "failed logins are counted apart");
}

#[test]
fn a_known_source_logs_in_while_many_others_flood_its_account_and_others() {
    let api = Api::new();
    for email in ["ada@x.example", "eve@x.example"] {
        api.add_user("acme", email, "read");
    }
    let home = "203.0.113.7:1";
    let log_in = |source: &str, email: &str, password: &str| {
        api.log_in("acme", email, password).from(source).send().status.as_u16()
    };
    assert_eq!(log_in(home, "ada@x.example", PASSWORD), 200);
    let per_account = limits::FAILED_LOGINS_OF_ACCOUNT_PER_MINUTE;
    let told: Vec<u16> = (0..per_account + 40)
        .map(|turn| log_in(&format!("192.0.2.{}:1", turn % 40), "ada@x.example", "wrong"))
        .collect();
    let count = |status: u16| told.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(401), count(429)), (usize::try_from(per_account).unwrap(), 40));
    assert_eq!(log_in("198.51.100.1:1", "ada@x.example", PASSWORD), 429, "a stranger waits");
    assert_eq!(log_in("198.51.100.1:1", "eve@x.example", PASSWORD), 200, "at this account alone");
    assert_eq!(log_in(home, "ada@x.example", PASSWORD), 200);
    for turn in 0..limits::FAILED_LOGINS_PER_MINUTE {
        assert_eq!(log_in(home, "ada@x.example", "wrong"), 401, "{turn}");
    }
    assert_eq!(log_in(home, "ada@x.example", PASSWORD), 429, "what is known may not guess either");
    api.clock.advance(60_000_000);
    for source in [home, "198.51.100.1:1"] {
        assert_eq!(log_in(source, "ada@x.example", PASSWORD), 200);
    }
}

#[test]
fn one_source_shuts_nobody_else_out_of_an_account() {
    let api = Api::new();
    api.add_user("acme", "ada@x.example", "read");
    let log_in = |source: &str, password: &str| {
        api.log_in("acme", "ada@x.example", password).from(source).send().status.as_u16()
    };
    for _ in 0..limits::FAILED_LOGINS_PER_MINUTE {
        assert_eq!(log_in("192.0.2.1:1", "wrong"), 401);
    }
    assert_eq!(log_in("192.0.2.1:1", PASSWORD), 429);
    assert_eq!(log_in("198.51.100.1:1", PASSWORD), 200, "even if it was never seen before");
}

#[test]
fn the_bounds_on_guesses_are_settings() {
    let guesses = GuessLimits {
        failed_logins_per_minute: 2,
        failed_logins_of_account_per_minute: 3,
        known_logins: 0,
        ..GuessLimits::default()
    };
    let http = Config { guesses, ..Config::default() };
    let api = Api::with(Setting { http, ..Setting::default() });
    api.add_user("acme", "ada@x.example", "read");
    let log_in = |source: &str, password: &str| {
        api.log_in("acme", "ada@x.example", password).from(source).send().status.as_u16()
    };
    let home = "203.0.113.7:1";
    assert_eq!(log_in(home, PASSWORD), 200);
    let wrong = |source: &str| log_in(source, "wrong");
    assert_eq!([wrong("192.0.2.1:1"), wrong("192.0.2.1:1"), wrong("192.0.2.1:1")], [401, 401, 429]);
    assert_eq!([wrong("192.0.2.2:1"), wrong("192.0.2.2:1")], [401, 429], "the account as a whole has three");
    assert_eq!(log_in(home, PASSWORD), 429, "no source is remembered");
}

/// Logins that are sent while none can begin: `sources` strangers with a wrong password each, and then the owner.
fn flooded(api: &Api, store: &HeldStore, sources: u8) -> (Vec<u16>, u16) {
    let app = router(api.engine.clone(), Config { passwords_waiting: 8, ..Config::default() });
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let send = |ask: Ask<'_>| runtime.spawn(app.clone().oneshot(ask.into_request()));
    let status = |sent: Sent| runtime.block_on(sent).unwrap().unwrap().status().as_u16();
    let home = "203.0.113.7:1";
    let owner = || send(api.log_in("acme", "ada@x.example", PASSWORD).from(home));
    assert_eq!(status(owner()), 200, "it is known from now on");
    let at_once = std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1);
    let first: Vec<(Held, Sent)> = (0..at_once)
        .map(|number| {
            let held = store.hold_next_write();
            let sent = send(api.log_in("acme", &format!("{number}@x.example"), "wrong"));
            let held = runtime.block_on(runtime.spawn_blocking(move || {
                held.wait();
                held
            }));
            (held.unwrap(), sent)
        })
        .collect();
    let strangers: Vec<Sent> = (0..sources)
        .map(|number| {
            let email =
                if number % 2 == 0 { "ada@x.example".to_owned() } else { format!("s{number}@x.example") };
            send(api.log_in("acme", &email, "wrong").from(&format!("192.0.2.{number}:1")))
        })
        .collect();
    let owner = owner();
    runtime.block_on(async {
        // Each task gets as far as it can: the one who has no place is answered.
        while strangers.iter().filter(|stranger| stranger.is_finished()).count() < usize::from(sources) - 8 {
            tokio::task::yield_now().await;
        }
    });
    first.iter().for_each(|(held, _)| held.release());
    let owner = status(owner);
    (strangers.into_iter().map(status).collect(), owner)
}

#[test]
fn a_known_source_has_a_place_in_the_line_when_strangers_have_taken_theirs() {
    let store = Arc::new(HeldStore::default());
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    api.add_user("acme", "ada@x.example", "read");
    let (strangers, owner) = flooded(&api, &store, 40);
    assert_eq!(owner, 200);
    assert_eq!(strangers.iter().filter(|status| **status == 503).count(), 32, "{strangers:?}");
    assert_eq!(strangers.iter().filter(|status| **status == 401).count(), 8, "{strangers:?}");
}
