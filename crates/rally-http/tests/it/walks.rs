//! Walks through lists, a page at a time, while others write.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::Duration,
};

use rally_core::{ContactDraft, ContactUpdate, Session};
use rally_http::{Config, WalkMemory};
use rally_testkit::Random;
use serde_json::Value;

use crate::support::{Api, NOWHERE, Setting};

const CONTACTS: &str = "/api/v1/contacts";

/// The lists that are walked.
const LISTS: [&str; 4] = ["", "leadSource=web&", "q=love&leadSource=web&", "updatedSince=2025-01-01&"];

fn text(record: &Value, member: &str) -> String {
    record[member].as_str().unwrap().to_owned()
}

fn ids(page: &[Value]) -> Vec<String> {
    page.iter().map(|record| text(record, "id")).collect()
}

fn page(api: &Api, query: &str) -> Vec<String> {
    ids(&api.get(&format!("{CONTACTS}?{query}")).send().is(200).items())
}

fn add_many(api: &Api, count: usize) -> Vec<String> {
    let acme = acme(api);
    let add = |number| {
        let draft = ContactDraft::new("Ada", "Lovelace", format!("{number}@x.example")).lead_source("web");
        acme.contacts().create(&draft).unwrap().id.to_string()
    };
    (0..count).map(add).collect()
}

fn acme(api: &Api) -> Session {
    api.engine.tenant("acme").unwrap().trusted_session("test").unwrap()
}

fn change(api: &Api, id: &str) {
    let update = ContactUpdate::new().phone(api.engine.clock().now().to_string());
    api.clock.advance(1);
    acme(api).contacts().update(id.parse().unwrap(), &update).unwrap();
}

fn delete(api: &Api, id: &str) {
    acme(api).contacts().delete(id.parse().unwrap()).unwrap();
}

/// The path of the next page.
fn next(link: &str) -> Option<String> {
    let next = link.split(", ").find(|link| link.ends_with("rel=\"next\""))?;
    Some(next.split(['<', '>']).nth(1).unwrap().to_owned())
}

#[test]
fn the_next_page_begins_behind_the_last_row() {
    let api = Api::new();
    let ids = add_many(&api, 4);
    let link = |query: &str| api.get(&format!("{CONTACTS}?{query}")).send().is(200).header("Link").to_owned();
    let id = &ids[1];
    assert_eq!(
        link("limit=2&fields=email"),
        format!(
            "<{CONTACTS}?limit=2&fields=email&offset=0>; rel=\"first\", \
             <{CONTACTS}?limit=2&fields=email&after={id}>; rel=\"next\""
        )
    );
    let (second, third) = (&ids[2], api.contact(&ids[2]).updated_at);
    assert_eq!(
        link(&format!("after={id}&limit=1&leadSource=web")),
        format!(
            "<{CONTACTS}?limit=1&leadSource=web&offset=0>; rel=\"first\", \
             <{CONTACTS}?limit=1&leadSource=web&after={second}>; rel=\"next\""
        )
    );
    assert_eq!(
        link("updatedSince=2025-01-01&limit=1&offset=2"),
        format!(
            "<{CONTACTS}?updatedSince=2025-01-01&limit=1&offset=0>; rel=\"first\", \
             <{CONTACTS}?updatedSince=2025-01-01&limit=1&offset=1>; rel=\"prev\", \
             <{CONTACTS}?limit=1&updatedSince={third}>; rel=\"next\""
        )
    );
}

#[test]
fn a_list_goes_on_behind_any_id() {
    let api = Api::new();
    let ids = add_many(&api, 3);
    let foreign = api.add_to("other", "foreign@x.example");
    delete(&api, &ids[1]);
    for (after, expected) in [
        (ids[0].as_str(), vec![ids[2].clone()]),
        (&ids[1], vec![ids[2].clone()]),
        (&ids[2].to_uppercase(), vec![]),
        ("00000000-0000-0000-0000-000000000000", vec![ids[0].clone(), ids[2].clone()]),
        (NOWHERE, vec![ids[0].clone(), ids[2].clone()]),
    ] {
        assert_eq!(page(&api, &format!("after={after}")), expected, "{after}");
    }
    let foreign = api.get(&format!("{CONTACTS}?after={foreign}&count=true")).send().is(200);
    assert_eq!(foreign.header("X-Total-Count"), "2", "a foreign id is a place in the order, and no more");
    for (query, told) in [
        ("after=7", "400 validation: after is not an id"),
        ("after=", "400 validation: after is not an id"),
        (
            &*format!("after={NOWHERE}&updatedSince=2025-01-01"),
            "400 validation: after must not be given with updatedSince, whose list goes on by updatedSince",
        ),
    ] {
        assert_eq!(api.get(&format!("{CONTACTS}?{query}")).send().told(), told);
    }
}

#[test]
fn a_walk_by_offset_skips_nothing_when_earlier_records_go() {
    for list in LISTS {
        let api = Api::new();
        let ids = add_many(&api, 6);
        assert_eq!(page(&api, &format!("{list}limit=3")), ids[..3]);
        let leave = if list.contains("updatedSince") { change } else { delete };
        leave(&api, &ids[0]);
        let second = format!("{list}limit=3&offset=3");
        assert_eq!(page(&api, &second)[..3], ids[3..], "{list}");
        assert_eq!(page(&api, &format!("fields=id&_=1&offset=3&{list}limit=2"))[..2], ids[3..5], "{list}");
        let counted = api.get(&format!("{CONTACTS}?{second}")).key(&api.reader).send().items();
        assert_eq!(counted[0]["id"], ids[4], "another caller has not read the page before");
    }
}

#[test]
fn a_walk_goes_on_at_the_end_of_a_page_that_was_not_full() {
    let api = Api::new();
    let made = add_many(&api, 3);
    assert_eq!(page(&api, "limit=5"), made);
    let acme = acme(&api);
    let more = (3..12).map(|number| {
        let draft = ContactDraft::new("A", "B", format!("{number}@x.example"));
        acme.contacts().create(&draft).unwrap().id.to_string()
    });
    let more: Vec<String> = more.collect();
    assert_eq!(page(&api, "limit=5&offset=5"), more[..5]);
    assert_eq!(page(&api, "limit=5&offset=3"), more[..5]);
}

#[test]
fn a_walk_through_a_list_that_has_grown_since_it_was_read_repeats_nothing() {
    let api = Api::new();
    let mut made = add_many(&api, 2);
    assert_eq!(page(&api, "limit=5"), made);
    for number in 2..12 {
        made.push(api.add(&format!("{number}@x.example")));
    }
    let pages = ["limit=5", "limit=5&offset=5", "limit=5&offset=10"].map(|query| page(&api, query));
    assert_eq!(pages.concat(), made);
}

#[test]
fn an_end_is_remembered_for_some_minutes_and_then_the_page_is_counted() {
    let walks = WalkMemory { life: Duration::from_secs(120), ..WalkMemory::default() };
    let api = Api::with(Setting { http: Config { walks, ..Config::default() }, ..Setting::default() });
    let ids = add_many(&api, 6);
    page(&api, "limit=3");
    delete(&api, &ids[0]);
    api.clock.advance(119_999_999);
    assert_eq!(page(&api, "limit=3&offset=3"), ids[3..]);
    api.clock.advance(1);
    assert_eq!(page(&api, "limit=3&offset=3"), ids[4..]);
}

#[test]
fn walks_beyond_each_bound_are_counted() {
    let of = |walks| Config { walks, ..Config::default() };
    let all = WalkMemory::default();
    for (walks, is_known) in [
        (all, true),
        (WalkMemory { callers: 1, ..all }, false),
        (WalkMemory { lists: 1, ..all }, false),
        (WalkMemory { pages: 1, ..all }, false),
        (WalkMemory { callers: 2, lists: 2, pages: 2, ..all }, true),
        (WalkMemory { callers: 0, ..all }, false),
    ] {
        let api = Api::with(Setting { http: of(walks), ..Setting::default() });
        let ids = add_many(&api, 6);
        page(&api, "limit=2");
        page(&api, "limit=2&offset=2");
        page(&api, "limit=2&leadSource=web");
        api.get(&format!("{CONTACTS}?limit=2")).key(&api.reader).send().is(200);
        delete(&api, &ids[0]);
        let expected = if is_known { &ids[2..4] } else { &ids[3..5] };
        assert_eq!(page(&api, "limit=2&offset=2"), expected, "{walks:?}");
    }
}

/// A writer beside a walk, and the records that stay in its list all the time.
struct Writer<'a> {
    api: &'a Api,
    acme: Session,
    random: Random,
    ids: Vec<String>,
    stayed: BTreeSet<String>,
}

impl<'a> Writer<'a> {
    fn new(api: &'a Api, seed: u64) -> Self {
        let ids = add_many(api, 40);
        let stayed = ids.iter().cloned().collect();
        Self { api, acme: acme(api), random: Random::new(seed), ids, stayed }
    }

    fn write(&mut self) {
        for _ in 0..self.random.below(6) {
            let place = self.random.below(self.ids.len());
            let id = self.ids[place].clone();
            match self.random.below(7) {
                0 => {
                    let email = format!("{}@new.example", self.random.number());
                    let draft = ContactDraft::new("Ada", "Lovelace", email).lead_source("web");
                    self.ids.push(self.acme.contacts().create(&draft).unwrap().id.to_string());
                }
                1 if self.ids.len() > 10 => {
                    delete(self.api, &id);
                    self.ids.remove(place);
                    self.stayed.remove(&id);
                }
                2 => {
                    let source = self.random.one_of(&["web", "fair"]);
                    let update = ContactUpdate::new().lead_source(source);
                    self.acme.contacts().update(id.parse().unwrap(), &update).unwrap();
                    self.stayed.remove(&id);
                }
                _ => change(self.api, &id),
            }
        }
    }

    /// Walks a list by offset, as clients do that add what they got to the offset, or the limit.
    fn walk(&mut self, list: &str, adds_limit: bool) -> Vec<Value> {
        let limit = 1 + self.random.below(7);
        let (mut offset, mut seen) = (0, Vec::new());
        loop {
            let path = format!("{CONTACTS}?{list}limit={limit}&offset={offset}");
            let page = self.api.get(&path).send().is(200).items();
            if page.is_empty() {
                return seen;
            }
            offset += if adds_limit { limit } else { page.len() };
            seen.extend(page);
            // Else the walk of a list by change might never come to its end.
            if seen.len() < 200 {
                self.write();
            }
        }
    }
}

#[test]
fn under_random_writes_a_walk_by_offset_sees_every_record_that_stays() {
    for seed in 0..12 {
        for list in LISTS {
            let api = Api::limited_to(0);
            let mut writer = Writer::new(&api, seed);
            let seen: BTreeSet<String> = ids(&writer.walk(list, seed % 2 == 0)).into_iter().collect();
            let missed: Vec<&String> = writer.stayed.difference(&seen).collect();
            assert!(missed.is_empty(), "the walk {seed} of {list:?} has missed {missed:?}");
        }
    }
}

#[test]
fn a_client_that_keeps_the_greatest_change_it_saw_misses_nothing() {
    for seed in 0..12 {
        let api = Api::limited_to(0);
        let mut writer = Writer::new(&api, seed);
        let (mut since, mut loaded) = ("1970-01-01T00:00:00Z".to_owned(), BTreeMap::new());
        for run in 0..4 {
            let list = format!("updatedSince={since}&");
            let seen = if run < 2 {
                writer.walk(&list, seed % 2 == 0)
            } else {
                api.get(&format!("{CONTACTS}?{list}")).send().is(200).items()
            };
            for record in seen {
                since = since.max(text(&record, "updatedAt"));
                loaded.insert(text(&record, "id"), record);
            }
        }
        let all = api.get(CONTACTS).send().is(200).items();
        let all: BTreeMap<String, Value> =
            all.into_iter().map(|record| (text(&record, "id"), record)).collect();
        loaded.retain(|id, _| all.contains_key(id));
        assert!(all.len() < 100 && loaded == all, "the walk {seed}");
    }
}

#[test]
fn a_walk_by_links_beside_concurrent_writers_misses_and_repeats_nothing_that_stays() {
    for list in LISTS {
        let api = Api::limited_to(0);
        let made = add_many(&api, 300);
        let (acme, victims) = (acme(&api), made.clone());
        let writing = thread::spawn(move || {
            let contacts = acme.contacts();
            for (number, id) in victims.iter().enumerate() {
                let id = id.parse().unwrap();
                if number % 3 == 0 {
                    contacts.delete(id).unwrap();
                } else {
                    contacts.update(id, &ContactUpdate::new().phone(number.to_string())).unwrap();
                }
            }
        });
        let (mut path, mut seen) = (Some(format!("{CONTACTS}?{list}limit=7")), Vec::new());
        while let Some(here) = path {
            let page = api.get(&here).send().is(200);
            seen.extend(page.items());
            path = next(page.header("Link"));
        }
        writing.join().unwrap();
        let members: &[&str] = if list.contains("updatedSince") { &["id", "updatedAt"] } else { &["id"] };
        let name = |record: &Value| members.iter().map(|member| text(record, member)).collect::<Vec<_>>();
        let names: BTreeSet<Vec<String>> = seen.iter().map(name).collect();
        assert_eq!(names.len(), seen.len(), "{list:?} has some twice");
        let seen: BTreeSet<String> = ids(&seen).into_iter().collect();
        let stayed = made.iter().enumerate().filter(|(number, _)| number % 3 > 0);
        assert!(stayed.map(|(_, id)| id).all(|id| seen.contains(id)), "{list:?}");
    }
}
