//! The audit trail of keys, users and settings.

use std::{net::IpAddr, sync::Arc};

use rally_core::{
    ActivityDraft, ActivityType, ApiKeyDraft, ApiKeyUpdate, AuditEntry, Code, CompanyDraft, Config,
    ContactUpdate, DealUpdate, PipelineDraft, PipelineStageDraft, Profile, Query, Scope, Session,
    SettingsUpdate, TenantId, TenantUpdate, TimeZone, UserDraft, UserUpdate, WriteOptions,
    store::MemoryStore,
};
use rally_testkit::{FaultyStore, WriteFault};
use serde_json::json;

use crate::support::{World, bytes, once, tenant};

const SECRET: &str = "correct horse battery";

fn entries(session: &Session) -> Vec<AuditEntry> {
    session.audit().list(Query::all().limit(100)).unwrap().records
}

/// The entries as what was done, by whom, from where and to which members.
fn lines(session: &Session) -> Vec<String> {
    let line = |entry: AuditEntry| {
        let source = entry.source.unwrap_or_else(|| "here".to_owned());
        [entry.action, entry.actor, source, entry.detail.unwrap_or_default()].join(" | ")
    };
    entries(session).into_iter().map(line).collect()
}

fn user(email: &str) -> UserDraft {
    UserDraft::new(email, "Olga")
}

fn draft() -> ApiKeyDraft {
    ApiKeyDraft::new("robot").scopes(Scope::Admin)
}

#[test]
fn every_act_is_told_with_who_did_it_from_where_and_to_what() {
    let world = World::new();
    let source: IpAddr = "192.0.2.7".parse().unwrap();
    let host = world.acme.clone().called_from(Some("::1".parse().unwrap()));
    let robot = host.api_keys().mint(&draft()).unwrap();
    let by_key = world.engine.authenticate(&robot.key).unwrap().called_from(Some(source));
    let olga = user("o@x.example").scopes(Scope::Admin).password(SECRET);
    let olga = by_key.users().create(&olga).unwrap().id;
    let by_user = world.engine.log_in("acme", "o@x.example", SECRET, Some(source)).unwrap();
    let oda = UserUpdate::new().name("Oda").is_active(true).password("another battery");
    by_user.users().update(olga, &oda).unwrap();
    let second = by_user.api_keys().mint(&draft()).unwrap().model.id;
    by_user.api_keys().update(second, &ApiKeyUpdate::new().name("other").scopes(Scope::Read)).unwrap();
    by_user.api_keys().revoke(second).unwrap();
    let settings = bytes(&json!({"timezone": "Europe/Berlin", "name": "Acme", "nonsense": 1}));
    by_user.change_settings_json(&settings, &WriteOptions::default()).unwrap();
    world.engine.log_in("acme", " Nobody@x.example", "x", Some(source)).unwrap_err();
    world.engine.log_in("acme", "o@x.example", SECRET, None).unwrap_err();
    let gone = host.users().create(&user("p@x.example")).unwrap().id;
    host.users().delete(gone).unwrap();
    assert_eq!(lines(&world.acme), EXPECTED);
    let targets: Vec<_> = entries(&world.acme).into_iter().map(|entry| entry.target_id).collect();
    let (robot, olga, second, gone) =
        (robot.model.id.as_uuid(), olga.as_uuid(), second.as_uuid(), gone.as_uuid());
    let expected = [robot, olga, olga, olga, second, second, second].map(Some).into_iter();
    let expected: Vec<_> = expected.chain([None, None, None, Some(gone), Some(gone)]).collect();
    assert_eq!(targets, expected);
}

const EXPECTED: [&str; 12] = [
    "apiKey.created | host | ::1 | ",
    "user.created | apikey:robot | 192.0.2.7 | ",
    "login.succeeded | o@x.example | 192.0.2.7 | ",
    "user.updated | o@x.example | 192.0.2.7 | name, password",
    "apiKey.created | o@x.example | 192.0.2.7 | ",
    "apiKey.updated | o@x.example | 192.0.2.7 | name, scopes",
    "apiKey.updated | o@x.example | 192.0.2.7 | isActive",
    "settings.updated | o@x.example | 192.0.2.7 | name, timezone",
    "login.failed | authentication | 192.0.2.7 |  Nobody@x.example",
    "login.failed | authentication | here | o@x.example",
    "user.created | host | ::1 | ",
    "user.deleted | host | ::1 | ",
];

#[test]
fn entries_stand_in_the_order_of_the_acts_and_are_found_by_what_they_tell() {
    let world = World::new();
    let first = world.acme.api_keys().mint(&draft()).unwrap().model.id;
    let second = world.acme.api_keys().mint(&draft()).unwrap().model.id;
    world.clock.advance(-5_000_000);
    world.acme.api_keys().update(first, &ApiKeyUpdate::new().name("x")).unwrap();
    let all = entries(&world.acme);
    assert!(all.is_sorted_by_key(|entry| (entry.created_at, entry.id)), "{all:?}");
    assert_eq!(
        all.iter().map(|entry| entry.target_id).collect::<Vec<_>>(),
        [first, second, first].map(|id| Some(id.as_uuid()))
    );
    for (filter, found) in [
        (AuditEntry::TARGET_ID.is(first.as_uuid()), 2),
        (AuditEntry::TARGET_ID.is(second.as_uuid()), 1),
        (AuditEntry::ACTION.is("apiKey.created"), 2),
        (AuditEntry::ACTION.is("apiKey.deleted"), 0),
        (AuditEntry::ACTOR.is("host"), 3),
        (AuditEntry::ACTOR.is("nobody"), 0),
    ] {
        let page = world.acme.audit().list(filter.clone()).unwrap();
        assert_eq!(page.records.len(), found, "{filter:?}");
    }
}

#[test]
fn an_act_and_its_entry_are_there_both_or_not_at_all() {
    for fault in WriteFault::ALL {
        let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
        let world = World::on(store.clone());
        let (acme, keys) = (world.acme.tenant().id, world.acme.api_keys());
        let key = keys.mint(&draft()).unwrap().model.id;
        let olga = world.acme.users().create(&user("o@x.example")).unwrap().id;
        let acts: [&dyn Fn() -> bool; 4] = [
            &|| keys.mint(&draft()).is_ok(),
            &|| keys.update(key, &ApiKeyUpdate::new().name("other")).is_ok(),
            &|| world.acme.users().update(olga, &UserUpdate::new().name("Oda")).is_ok(),
            &|| world.acme.users().delete(olga).is_ok(),
        ];
        for act in acts {
            let (before, told) = (world.stored(acme), entries(&world.acme).len());
            store.fail_write(0, fault);
            let is_done = act();
            store.heal();
            let has_changed = world.stored(acme) != before;
            assert_eq!(entries(&world.acme).len(), told + usize::from(has_changed), "{fault:?}");
            assert!(has_changed || !is_done, "{fault:?}");
        }
    }
}

#[test]
fn what_is_refused_or_changes_nothing_is_no_act() {
    let world = World::new();
    let keys = world.acme.api_keys();
    let key = keys.mint(&draft()).unwrap().model.id;
    let before = lines(&world.acme);
    keys.update(key, &ApiKeyUpdate::new().name("robot")).unwrap();
    keys.revoke(key).unwrap_err();
    world.acme.users().create(&UserDraft::new("x", "")).unwrap_err();
    world.acme.change_settings(&SettingsUpdate::new().timezone("UTC".parse::<TimeZone>().unwrap())).unwrap();
    world.engine.authenticate("rk_live_x").unwrap_err();
    world.engine.log_in("nowhere", "o@x.example", "x", None).unwrap_err();
    assert_eq!(lines(&world.acme), before);
}

#[test]
fn everyday_work_is_not_told() {
    let world = World::new();
    world.acme.companies().create(&CompanyDraft::new("Mills")).unwrap();
    let contact = world.add("ada@x.example");
    world.acme.contacts().update(contact, &ContactUpdate::new().title("Countess")).unwrap();
    let deal = world.deal("Deal");
    world.acme.deals().update(deal, &DealUpdate::new().name("Engine")).unwrap();
    world.acme.deals().move_to(deal, world.stage("Closed Won")).unwrap();
    world.acme.activities().create(&ActivityDraft::new(ActivityType::Note, "Note")).unwrap();
    let pipeline = PipelineDraft::new("Partners", vec![PipelineStageDraft::new("Met")]);
    let pipeline = world.acme.pipelines().create(&pipeline).unwrap().id;
    world.acme.pipelines().delete(pipeline).unwrap();
    world.acme.contacts().delete(contact).unwrap();
    assert_eq!(lines(&world.acme), [""; 0]);
}

#[test]
fn each_tenant_has_its_own_and_the_feed_none() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    world.acme.users().create(&user("o@x.example")).unwrap();
    world.acme.change_settings(&SettingsUpdate::new().name("Acme")).unwrap();
    world.engine.log_in("acme", "o@x.example", "x", None).unwrap_err();
    assert_eq!((lines(&world.acme).len(), lines(&other).len()), (3, 0));
    let own = entries(&world.acme).remove(0);
    assert!(other.audit().get(own.id).unwrap_err().is_not_found());
    let of_target = AuditEntry::TARGET_ID.is(own.target_id.unwrap());
    assert!(other.audit().list(of_target).unwrap().records.is_empty());
    assert_eq!(world.acme.last_change().unwrap().0, 0);
}

#[test]
fn the_trail_is_read_by_admins_alone() {
    let world = World::new();
    world.acme.users().create(&user("o@x.example")).unwrap();
    let id = entries(&world.acme).remove(0).id;
    let writer = world.acme.clone().limited_to(Scope::Write);
    for error in [writer.audit().list(Query::all()).unwrap_err(), writer.audit().get(id).unwrap_err()] {
        assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Admin)));
    }
}

#[test]
fn a_change_that_is_answered_again_is_told_once() {
    let world = World::new();
    for replayed in [false, true] {
        let written =
            world.acme.users().create_with(&user("o@x.example"), &once("k", b"o@x.example")).unwrap();
        assert_eq!(written.replayed, replayed);
        let put = bytes(&json!({"name": "Acme"}));
        let put = world.acme.change_settings_json(&put, &once("s", &put)).unwrap();
        assert_eq!(put.replayed, replayed);
    }
    assert_eq!(lines(&world.acme).len(), 2);
}

/// The entries of logins as what was done, by whom, from where, with which address, and how often.
fn logins(session: &Session) -> Vec<String> {
    let view = session.view().unwrap();
    let all = view.audit().all(Query::all()).unwrap().map(Result::unwrap);
    let line = |entry: AuditEntry| {
        let source = entry.source.unwrap_or_default();
        let detail = entry.detail.unwrap_or_default();
        format!("{} {} {source} {detail} {}", entry.action, entry.actor, entry.count.unwrap_or(0))
    };
    all.filter(|entry| entry.action.starts_with("login.")).map(line).collect()
}

fn try_to_log_in(world: &World, email: &str, password: &str, source: u8) {
    let source = IpAddr::from([192, 0, 2, source]);
    drop(world.engine.log_in("acme", email, password, Some(source)));
}

/// A world in which little is noted of an hour, and not for long, with a user who can log in.
fn brief() -> World {
    let config = Config {
        logins_noted_per_hour: 2,
        failed_logins_noted_per_hour: 3,
        logins_noted_days: 2,
        ..Config::default()
    };
    let world = World::with(Arc::new(MemoryStore::new()), config);
    world.acme.users().create(&user("o@x.example").password(SECRET)).unwrap();
    world
}

#[test]
fn logins_of_an_hour_are_one_entry_a_source_and_account() {
    let world = brief();
    for _ in 0..3 {
        try_to_log_in(&world, "o@x.example", "wrong", 1);
        try_to_log_in(&world, "O@X.example", "wrong", 1);
        try_to_log_in(&world, "o@x.example", SECRET, 1);
    }
    try_to_log_in(&world, "o@x.example", "wrong", 2);
    assert_eq!(
        logins(&world.acme),
        [
            "login.failed authentication 192.0.2.1 o@x.example 6",
            "login.succeeded o@x.example 192.0.2.1  3",
            "login.failed authentication 192.0.2.2 o@x.example 1",
        ]
    );
    world.clock.advance(3_600_000_000);
    try_to_log_in(&world, "o@x.example", "wrong", 1);
    assert_eq!(logins(&world.acme)[3..], ["login.failed authentication 192.0.2.1 o@x.example 1"]);
    assert_eq!(world.acme.last_change().unwrap().0, 0, "the feed has none of it");
}

#[test]
fn whoever_tries_many_addresses_from_many_places_fills_no_store() {
    let world = brief();
    for number in 0..40 {
        try_to_log_in(&world, &format!("{number}@x.example"), "wrong", number);
    }
    assert_eq!(
        logins(&world.acme),
        [
            "login.failed authentication 192.0.2.0 0@x.example 1",
            "login.failed authentication 192.0.2.1 1@x.example 1",
            "login.failed authentication 192.0.2.2 2@x.example 1",
            "login.failed others   37",
        ]
    );
    for source in 0..4 {
        try_to_log_in(&world, "o@x.example", SECRET, source);
    }
    assert_eq!(
        logins(&world.acme)[4..],
        [
            "login.succeeded o@x.example 192.0.2.0  1",
            "login.succeeded o@x.example 192.0.2.1  1",
            "login.succeeded others   2",
        ],
        "failures take no room from successes"
    );
}

#[test]
fn old_logins_are_forgotten_and_other_acts_are_not() {
    let world = brief();
    let acts = entries(&world.acme).len();
    let mut most = 0;
    for _ in 0..20 {
        for number in 0..3 {
            try_to_log_in(&world, &format!("{number}@x.example"), "wrong", number);
        }
        most = most.max(logins(&world.acme).len());
        world.clock.advance(24 * 3_600_000_000);
    }
    assert!((6..=12).contains(&most), "{most}");
    let first = entries(&world.acme).remove(acts);
    let oldest = world.engine.clock().now().plus_micros(-4 * 24 * 3_600_000_000);
    assert!(first.created_at > oldest, "{first:?}");
    assert_eq!(entries(&world.acme)[..acts].len(), acts);
    assert_eq!(entries(&world.acme)[0].action, "user.created");
}

#[test]
fn attempts_at_tenants_that_are_none_are_bounded_like_others() {
    let world = brief();
    let before = world.stored(TenantId::DIRECTORY).len();
    for number in 0..4 {
        world.engine.log_in("nowhere", &format!("{number}@x.example"), "x", None).unwrap_err();
    }
    let filled = world.stored(TenantId::DIRECTORY).len();
    assert!(filled > before);
    for number in 4..20 {
        world.engine.log_in("elsewhere", &format!("{number}@x.example"), "x", None).unwrap_err();
    }
    assert_eq!(world.stored(TenantId::DIRECTORY).len(), filled);
}

#[test]
fn what_the_host_changes_of_a_tenant_is_told_in_its_trail() {
    let world = World::new();
    let acme = world.engine.tenant("acme").unwrap();
    let update = TenantUpdate::new().rate_limit_per_minute(7u32).profile(Profile::Strict);
    acme.update("rally tenants set", &update).unwrap();
    acme.update("rally tenants set", &update).unwrap();
    acme.update("rally tenants set", &TenantUpdate::new().slug("a b")).unwrap_err();
    assert_eq!(
        lines(&world.acme),
        ["tenant.updated | rally tenants set | here | rateLimitPerMinute, profile"]
    );
}
