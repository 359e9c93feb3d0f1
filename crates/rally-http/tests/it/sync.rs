//! `/sync/changes`.

use insta::assert_snapshot;
use rally_core::store::MemoryStore;
use rally_http::{Config, LaneOptions, Lifecycle, router};
use rally_testkit::{FaultyStore, ReadFault};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::{Service, ServiceExt};

use crate::support::{ADA, Answer, Api, Setting};

const CHANGES: &str = "/api/v1/sync/changes";
const LONG_AGO: &str = "since=2000-01-01";

#[test]
fn changes_are_told_in_their_order() {
    let api = Api::new();
    let created = api.post("/api/v1/contacts", ADA).send().is(201);
    let path = created.header("Location").to_owned();
    api.patch(&path, r#"{"title":"Countess"}"#).send().is(200);
    api.delete(&path).send().is(200);
    let answer = api.get(&format!("{CHANGES}?{LONG_AGO}")).key(&api.reader).send();
    assert_snapshot!(answer, @r#"
    200
    [
      {
        "action": "inserted",
        "changedAt": "2025-02-01T10:15:00.000005Z",
        "changedBy": "apikey:admin",
        "entityId": "0194c101-aca0-7005-8000-0000001c9543",
        "entityType": "contact",
        "id": 1
      },
      {
        "action": "updated",
        "changedAt": "2025-02-01T10:15:00.000006Z",
        "changedBy": "apikey:admin",
        "entityId": "0194c101-aca0-7005-8000-0000001c9543",
        "entityType": "contact",
        "id": 2
      },
      {
        "action": "deleted",
        "changedAt": "2025-02-01T10:15:00.000007Z",
        "changedBy": "apikey:admin",
        "entityId": "0194c101-aca0-7005-8000-0000001c9543",
        "entityType": "contact",
        "id": 3
      }
    ]
    "#);
    assert_eq!(answer.body, api.get(&format!("/api/sync/changes?{LONG_AGO}")).send().body);
    assert_eq!(answer.header("Link"), "", "the page is not full");
}

#[test]
fn going_on_neither_skips_nor_repeats() {
    let api = Api::new();
    let ids: Vec<String> = (0..7).map(|n| api.add(&format!("{n}@x.example"))).collect();
    for start in [LONG_AGO, "after=0"] {
        let (mut path, mut seen) = (format!("{CHANGES}?limit=3&{start}&fields=entityId"), Vec::new());
        loop {
            let page = api.get(&path).send().is(200);
            seen.extend(page.items().iter().map(|entry| entry["entityId"].as_str().unwrap().to_owned()));
            match page.header("Link").split(['<', '>']).nth(1) {
                Some(next) => path = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, ids, "{start}");
    }
    let page = api.get(&format!("{CHANGES}?{LONG_AGO}&limit=3")).send();
    assert_snapshot!(page.header("Link"), @r#"</api/v1/sync/changes?limit=3&since=2025-02-01T10:15:00.000007Z>; rel="next""#);
}

#[test]
fn only_the_kinds_asked_for_are_told() {
    let api = Api::new();
    api.add("ada@x.example");
    let count = |query: &str| api.get(&format!("{CHANGES}?{LONG_AGO}&{query}")).send().is(200).items().len();
    assert_eq!((count("entities=contacts,deals"), count("entities=deals"), count("entities=")), (1, 0, 1));
}

#[test]
fn parameters_that_are_wrong_are_named() {
    let api = Api::strict();
    let told = |query: &str| api.get(&format!("{CHANGES}{query}")).send().told();
    assert_snapshot!(told(""), @"400 validation: since is required");
    assert_snapshot!(told("?since=yesterday&limit=0&entities=users&fields=x&page=1"), @r#"400 validation: entities names "users"; use contacts, companies, deals, activities; fields names "x", which is not a member; limit must be a whole number from 1 to 1000; page is not a parameter here; since must be a date-time such as 2025-02-01T10:15:00Z, or a date"#);
    assert_snapshot!(told("?after=0&wait=31"), @"400 validation: wait must be a whole number from 0 to 30");
    assert_snapshot!(told("?since=2000-01-01&limit=1001"), @"400 validation: limit must be a whole number from 1 to 1000");
    assert_snapshot!(told("?since=2000-01-01&after=1"), @"400 validation: after must not be given together with since");
    assert_snapshot!(told("?after=x"), @"400 validation: after must be the id of a change");
    api.get(&format!("{CHANGES}?{LONG_AGO}&limit=1000")).send().is(200);
}

#[test]
fn the_last_change_is_told_whatever_is_asked_for() {
    let api = Api::new();
    let position = |query: &str| {
        api.get(&format!("{CHANGES}?{query}")).send().is(200).header("X-Feed-Position").to_owned()
    };
    assert_eq!(position("after=0"), "0");
    (0..3).for_each(|n| drop(api.add(&format!("{n}@x.example"))));
    for query in
        ["after=0", "after=0&limit=1", "entities=deals&since=2000-01-01", "after=9223372036854775807"]
    {
        assert_eq!(position(query), "3", "{query}");
    }
    assert_eq!(api.get(&format!("{CHANGES}?after=0")).key(&api.other).send().header("X-Feed-Position"), "0");
}

/// A server of an engine's own, and threads for it.
struct Waiting<'a> {
    api: &'a Api,
    server: Lifecycle,
    runtime: Runtime,
}

impl<'a> Waiting<'a> {
    fn new(api: &'a Api, http: Config) -> Self {
        let server = Lifecycle::from(router(api.engine.clone(), http));
        Self { api, server, runtime: Runtime::new().unwrap() }
    }

    fn ask(&self, query: &str) -> tokio::task::JoinHandle<Answer> {
        let request = self.api.get(&format!("{CHANGES}?{query}")).into_request();
        let mut server = self.server.clone();
        self.runtime.spawn(async move {
            Answer::of(server.ready().await.unwrap().call(request).await.unwrap()).await
        })
    }

    fn answer(&self, asked: tokio::task::JoinHandle<Answer>) -> Answer {
        self.runtime.block_on(asked).unwrap()
    }
}

#[test]
fn whoever_waits_hears_of_the_next_change() {
    let api = Api::new();
    let waiting = Waiting::new(&api, Config::default());
    let (contacts, deals) =
        (waiting.ask("after=0&wait=30&entities=contacts"), waiting.ask("after=0&wait=1&entities=deals"));
    let id = api.add("ada@x.example");
    let heard = waiting.answer(contacts).is(200);
    assert_eq!(heard.items()[0]["entityId"], id.as_str());
    assert_eq!(waiting.answer(deals).is(200).body, "[]", "a change of another kind ends no wait");
    assert_eq!(waiting.answer(waiting.ask("after=0&wait=30")).items().len(), 1, "there is one already");
}

#[test]
fn a_wait_ends_with_the_server() {
    let api = Api::new();
    let waiting = Waiting::new(&api, Config::default());
    let asked = waiting.ask("after=0&wait=30");
    waiting.server.begin_stopping();
    assert_eq!(waiting.answer(asked).is(200).body, "[]");
    assert_eq!(waiting.answer(waiting.ask("after=0&wait=30")).is(200).body, "[]");
}

#[test]
fn no_more_wait_than_there_are_places() {
    let api = Api::new();
    let feed_waits = LaneOptions { at_once: 3, at_once_a_tenant: 2, waiting: 9, waiting_a_tenant: 9 };
    let waiting = Waiting::new(&api, Config { feed_waits, ..Config::default() });
    let mut asked: Vec<_> = (0..3).map(|_| waiting.ask("after=0&wait=30")).collect();
    let refused = waiting.runtime.block_on(futures_util::future::select_all(asked.drain(..)));
    assert_snapshot!(refused.0.unwrap().told(), @"503 unavailable: too many requests of this tenant wait; send fewer at once");
    waiting.answer(waiting.ask("after=0")).is(200);
    api.add("ada@x.example");
    for asked in refused.2 {
        assert_eq!(waiting.answer(asked).is(200).items().len(), 1);
    }
    assert_eq!(waiting.answer(waiting.ask("after=1&wait=1")).is(200).body, "[]", "places are free again");
}

#[test]
fn a_store_that_fails_ends_a_wait() {
    let store = std::sync::Arc::new(FaultyStore::new(std::sync::Arc::new(MemoryStore::new())));
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    let waiting = Waiting::new(&api, Config::default());
    let asked = waiting.ask("after=0&wait=30");
    store.fail_read(0, ReadFault::Unavailable);
    waiting.answer(asked).is(503);
}

#[test]
fn changes_are_told_to_their_tenant_alone_and_to_nobody_without_a_key() {
    let api = Api::new();
    api.add("ada@x.example");
    let path = format!("{CHANGES}?{LONG_AGO}");
    assert_eq!(api.get(&path).key(&api.other).send().is(200).body, "[]");
    api.get(&path).key("").send().is(401);
}

#[test]
fn what_is_trimmed_is_said_to_be_gone() {
    let api = Api::new();
    let ids = ["a@x.example", "b@x.example"].map(|email| api.add(email));
    let session = api.engine.tenant("acme").unwrap().trusted_session("test").unwrap();
    session.trim_changes(api.contact(&ids[0]).updated_at).unwrap();
    let answer = api.get(&format!("{CHANGES}?{LONG_AGO}")).send();
    assert_snapshot!(answer, @r#"
    400
    {
      "code": "feed_trimmed",
      "detail": "changes before 2025-02-01T10:15:00.000006Z are gone; read the lists anew and go on from there",
      "instance": "/api/v1/sync/changes",
      "oldestChangedAt": "2025-02-01T10:15:00.000006Z",
      "status": 400,
      "title": "Changes no longer kept",
      "traceId": "t",
      "type": "https://rally.example/problems/feed_trimmed"
    }
    "#);
    let oldest = answer.value()["oldestChangedAt"].clone();
    assert_eq!(oldest, Value::from(api.contact(&ids[1]).updated_at.to_string()));
}

#[test]
fn a_reader_is_told_when_the_feed_is_not_the_one_that_it_knows() {
    let api = Api::new();
    api.add("ada@x.example");
    let path = format!("{CHANGES}?after=0");
    let epoch = api.get(&path).send().is(200).header("X-Feed-Epoch").to_owned();
    let tenant = api.engine.tenant("acme").unwrap().into_record();
    assert_eq!(epoch, tenant.id.to_string(), "it begins with the tenant");
    let known = api.get(&path).header("X-Feed-Epoch", &epoch.to_uppercase()).send().is(200);
    assert_eq!(known.header("X-Feed-Epoch"), epoch);
    let other = "0194c101-aca0-7005-8000-0000001c9543";
    let told = |value: &str| api.get(&path).header("X-Feed-Epoch", value).send().told();
    assert_snapshot!(told(other), @"400 feed_reset: changes that were read from the feed may be gone, as it was put back from a copy or its database has lost some; read the lists anew, and go on from there in the feed's new epoch");
    assert_snapshot!(told("1"), @"400 validation: X-Feed-Epoch is not the epoch of a feed");
}
