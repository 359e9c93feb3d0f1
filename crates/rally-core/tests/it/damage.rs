//! Damaged stored bytes are told as `Internal`: never taken for an empty value, never passed over, never a panic.

use std::sync::Arc;

use rally_core::{
    ActivityDraft, ActivityType, ApiKey, ApiKeyDraft, Bant, BantUpdate, Code, CompanyDraft, Contact,
    ContactDraft, ContactUpdate, CriterionUpdate, Deal, DealStatus, Error, FeedPosition, Id, Kind,
    LifecycleStage, Query, Scope, TenantId, Timestamp, Transaction, User, UserDraft,
    schema::Resource,
    store::{Batch, Commit, Direction, Key, KeyRange, MemoryStore, Space, Store},
};
use uuid::Uuid;

use crate::support::{World, ada, once};

mod chunks;
mod members;

const SECRET: &str = "correct horse battery";
const RECORD: u8 = 0x10;
const UNIQUE: u8 = 0x11;
const UPDATED: u8 = 0x12;
const INDEX: u8 = 0x13;
const SEARCH: u8 = 0x14;
const NEWEST: u8 = 0x15;
const GONE: u8 = 0x08;
const GONE_COUNT: u8 = 0x09;
const FEED: u8 = 0x20;
const ANSWER: u8 = 0x30;

/// A world whose stored bytes can be replaced.
struct Damaged {
    store: Arc<MemoryStore>,
    world: World,
}

impl Damaged {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        Self { world: World::on(store.clone()), store }
    }

    fn acme(&self) -> TenantId {
        self.world.acme.tenant().id
    }

    /// The keys of a family.
    fn keys(&self, space: u8, kind: Option<Kind>) -> Vec<Key> {
        let prefix = kind.map_or(Key::new(Space(space)), |kind| Key::new(Space(space)).kind(kind));
        let snapshot = self.store.snapshot(self.acme()).unwrap();
        let entries = snapshot.scan(&KeyRange::prefix(&prefix), Direction::Forward, usize::MAX).unwrap();
        entries.into_iter().map(|entry| entry.key).collect()
    }

    fn value(&self, key: &Key) -> Vec<u8> {
        self.store.snapshot(self.acme()).unwrap().get(key).unwrap().unwrap().to_vec()
    }

    fn change(&self, change: impl Fn(&mut Batch)) {
        let mut batch = Batch::new();
        change(&mut batch);
        assert_eq!(self.store.write(self.acme(), &mut |_| Ok(batch.clone())).unwrap(), Commit::Applied);
    }

    fn put(&self, key: &Key, value: &[u8]) {
        self.change(|batch| batch.put(key.clone(), value.to_vec()));
    }

    /// Replaces a text within a record by another of its length.
    fn replace<R: Resource>(&self, id: Id<R>, text: &str, by: &[u8]) {
        assert_eq!(text.len(), by.len());
        let key = record(R::KIND, id.as_uuid());
        let mut value = self.value(&key);
        let places: Vec<usize> =
            (0..value.len()).filter(|place| value[*place..].starts_with(text.as_bytes())).collect();
        assert_eq!(places.len(), 1, "{text} stands once in the record");
        value[places[0]..places[0] + by.len()].copy_from_slice(by);
        self.put(&key, &value);
    }
}

/// The key of a record: its number is in its id, behind the instant and before the last 22 bits.
fn record(kind: Kind, id: Uuid) -> Key {
    let (_, low) = id.as_u64_pair();
    let number = low << 2 >> 24;
    Key::new(Space(RECORD)).kind(kind).bytes(&number.to_be_bytes()[3..])
}

/// The number of a record that there is not.
const NOWHERE: u8 = 99;

#[track_caller]
fn is_damage<T: std::fmt::Debug>(result: Result<T, Error>) {
    match result {
        Err(error) => assert_eq!(error.code(), Code::Internal, "{error:?}"),
        Ok(value) => panic!("damaged bytes were read as {value:?}"),
    }
}

/// Told as damage, with the damage in the half for the log.
#[track_caller]
fn is_corrupt<T: std::fmt::Debug>(result: Result<T, Error>) {
    let cause = match &result {
        Err(error) => std::error::Error::source(error).map(ToString::to_string),
        Ok(_) => None,
    };
    let is_told = cause.is_some_and(|cause| cause.starts_with("stored data is damaged"));
    assert!(is_told, "{result:?}");
    is_damage(result);
}

/// A write that meets damage and leaves no trace.
#[track_caller]
fn refused<T: std::fmt::Debug>(damaged: &Damaged, write: impl FnOnce() -> Result<T, Error>) {
    is_corrupt(Err::<(), _>(damaged.world.refused(write)));
}

/// Reads a list to its end.
fn whole<T>(walk: impl Iterator<Item = Result<T, Error>>) -> Result<Vec<T>, Error> {
    walk.collect()
}

#[test]
fn damaged_texts_of_a_contact_are_told_by_every_way_of_reading_it() {
    for (text, by) in [
        ("\"Ada\"", &b"\"Ad\xff\""[..]),
        ("\"Ada\"", b"xxxxx"),
        ("\"Ada\"", b"12345"),
        ("\"Ada\"", b"\"Ada "),
        ("\"Ada\"", b"     "),
        ("\"Lovelace\"", b"Lovelace\"\""),
        ("\"lead\"", b"\"lemd\""),
        ("\"lead\"", b"  null"),
        ("\"a,b\"", b"[a,b]"),
        ("42", b"4x"),
        ("42", b"-2"),
        ("\"London\"", b"\"London\\"),
    ] {
        let damaged = Damaged::new();
        let contacts = damaged.world.acme.contacts();
        let draft = ada("a@x.example").tags(["a", "b"]).lead_score(42).city("London");
        let id = contacts.create(&draft).unwrap().id;
        damaged.replace(id, text, by);
        is_damage(contacts.get(id));
        is_damage(contacts.find("a@x.example"));
        is_damage(contacts.list(Query::all()));
        is_damage(contacts.list(Contact::TAG.is("a")));
        is_damage(contacts.list(Query::all().updated_since(Timestamp::MIN)));
        let view = damaged.world.acme.view().unwrap();
        is_damage(whole(view.contacts().all(Query::all()).unwrap()));
        is_damage(whole(view.contacts().all(Contact::LIFECYCLE_STAGE.is(LifecycleStage::Lead)).unwrap()));
        is_damage(contacts.json().get(id).and_then(|row| row.read()));
        is_damage(damaged.world.acme.write(|tx| tx.contacts().get(id)));
        let change = damaged.world.acme.follow(FeedPosition::START).next().unwrap().unwrap();
        is_damage(change.record::<Contact>());
    }
}

#[test]
fn a_walk_ends_at_a_damaged_record() {
    let damaged = Damaged::new();
    let ids = ["a", "b", "c"].map(|name| damaged.world.add(&format!("{name}@x.example")));
    damaged.replace(ids[1], "\"Ada\"", b"xxxxx");
    let view = damaged.world.acme.view().unwrap();
    let mut walk = view.contacts().all(Query::all()).unwrap();
    assert_eq!(walk.next().unwrap().unwrap().id, ids[0]);
    is_damage(walk.next().unwrap());
    assert!(walk.next().is_none() && walk.next().is_none());
}

#[test]
fn a_record_that_is_cut_or_anothers_is_told_by_every_verb() {
    for number in 0..7 {
        let damaged = Damaged::new();
        let contacts = damaged.world.acme.contacts();
        let id = damaged.world.add("a@x.example");
        let key = record(Kind::Contact, id.as_uuid());
        let bytes = damaged.value(&key);
        let by = match number {
            0 => Vec::new(),
            1 => b"x".to_vec(),
            2 => bytes[..bytes.len() - 1].to_vec(),
            3 => [&bytes[..], b"x"].concat(),
            4 => [b"\x04", &bytes[1..]].concat(),
            5 => [&bytes[..1], b"\x63", &bytes[2..]].concat(),
            _ => [&bytes[..2], b"\x03", &bytes[3..]].concat(),
        };
        damaged.put(&key, &by);
        is_damage(contacts.get(id));
        is_damage(contacts.json().list(&Query::all().into()).and_then(|page| page.records[0].read()));
        is_damage(contacts.list(Query::all()));
        refused(&damaged, || contacts.update(id, &ContactUpdate::new().phone("1")));
        refused(&damaged, || contacts.upsert(&ada("a@x.example")));
        refused(&damaged, || contacts.delete(id));
    }
}

/// A host that goes on after a verb that stopped in the middle commits nothing of it, and nothing besides.
#[test]
fn a_verb_that_stops_in_the_middle_ends_its_transaction() {
    let damaged = Damaged::new();
    let acme = &damaged.world.acme;
    let old = acme.contacts().create(&ada("a@x.example").city("London")).unwrap().id;
    let deny = |write: &dyn Fn(&mut Transaction<'_>)| {
        refused(&damaged, || {
            acme.write(|tx| {
                tx.companies().create(&CompanyDraft::new("Looms Ltd"))?;
                write(tx);
                Ok(())
            })
        });
    };
    damaged.replace(old, "\"London\"", b"\"London\\");
    deny(&|tx| is_damage(tx.contacts().update(old, &ContactUpdate::new().title("Countess"))));
    for spine in damaged.keys(2, Some(Kind::Contact)) {
        let before = damaged.value(&spine);
        damaged.put(&spine, b"\x00damaged");
        deny(&|tx| is_damage(tx.contacts().create(&ada("b@x.example"))));
        deny(&|tx| {
            is_damage(
                tx.contacts().json().create(br#"{"firstName":"A","lastName":"B","email":"b@x.example"}"#),
            )
        });
        deny(&|tx| is_damage(tx.contacts().upsert(&ada("b@x.example"))));
        deny(&|tx| is_damage(tx.contacts().delete(old)));
        damaged.put(&spine, &before);
    }
}

#[test]
fn a_write_that_cannot_be_read_back_does_not_seem_undone() {
    let damaged = Damaged::new();
    let contacts = damaged.world.acme.contacts();
    let id = contacts.create(&ada("a@x.example").city("London")).unwrap().id;
    damaged.replace(id, "\"London\"", b"\"London\\");
    let error = contacts.update(id, &ContactUpdate::new().title("Countess")).unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    is_damage(Err::<(), _>(error));
    assert_eq!(
        contacts.update(id, &ContactUpdate::new().city("Paris")).unwrap().title.as_deref(),
        Some("Countess")
    );
}

#[test]
fn a_key_whose_scopes_are_damaged_opens_nothing_and_is_told() {
    for by in [&b"\"reed\""[..], b"\"rea\xff\"", b"reader", b"\"\"    "] {
        let damaged = Damaged::new();
        let keys = damaged.world.acme.api_keys();
        let made = keys.mint(&ApiKeyDraft::new("robot").scopes(Scope::Read)).unwrap();
        damaged.replace::<ApiKey>(made.model.id, "\"read\"", by);
        is_damage(damaged.world.engine.authenticate(&made.key));
        is_damage(keys.get(made.model.id));
        is_damage(keys.list(Query::all()));
        refused(&damaged, || keys.revoke(made.model.id));
    }
}

#[test]
fn damaged_scopes_of_another_admin_are_told_when_the_last_one_is_looked_for() {
    let damaged = Damaged::new();
    let keys = damaged.world.acme.api_keys();
    let draft = ApiKeyDraft::new("robot").scopes(Scope::Admin);
    let (first, other) = (keys.mint(&draft).unwrap().model.id, keys.mint(&draft).unwrap().model.id);
    damaged.replace::<ApiKey>(other, "\"admin\"", b"\"admon\"");
    refused(&damaged, || keys.revoke(first));
}

#[test]
fn a_user_whose_scopes_or_instant_are_damaged_is_not_let_in_and_is_told() {
    for (text, by) in [("\"write\"", &b"\"wrote\""[..]), ("\"2025-02-01", b"\"2025-02-xx")] {
        let damaged = Damaged::new();
        let olga = UserDraft::new("o@x.example", "Olga").scopes(Scope::Write).password(SECRET);
        let id: Id<User> = damaged.world.acme.users().create(&olga).unwrap().id;
        damaged.replace(id, text, by);
        is_damage(damaged.world.engine.log_in("acme", "o@x.example", SECRET, None));
        is_damage(damaged.world.engine.session_of(damaged.acme(), id, Timestamp::MIN));
    }
}

#[test]
fn an_index_that_leads_nowhere_is_told() {
    for space in [INDEX, SEARCH] {
        let damaged = Damaged::new();
        let contacts = damaged.world.acme.contacts();
        contacts.create(&ada("a@x.example").tags(["x"]).lead_source("web")).unwrap();
        for key in damaged.keys(space, Some(Kind::Contact)) {
            if space == INDEX {
                damaged.put(&key, &[10, 1, NOWHERE, 0]);
                continue;
            }
            let (_, front) = key.as_bytes().split_last().unwrap();
            let moved = Key::from_bytes(&[front, &[NOWHERE]].concat()).unwrap();
            damaged.change(|batch| {
                batch.delete(key.clone());
                batch.put(moved.clone(), Vec::new());
            });
        }
        let view = damaged.world.acme.view().unwrap();
        let asked = match space {
            SEARCH => vec![Query::all().search("ada")],
            _ => vec![
                Query::from(Contact::TAG.is("x")),
                Query::from(Contact::LEAD_SOURCE.is("web").and(Contact::TAG.is("x"))),
            ],
        };
        for query in asked {
            is_damage(contacts.list(query.clone()));
            is_damage(contacts.json().list(&query.clone().counted()));
            is_damage(view.contacts().all(query.clone()).and_then(whole));
        }
    }
}

#[test]
fn an_index_entry_that_is_cut_is_told() {
    let damaged = Damaged::new();
    let contacts = damaged.world.acme.contacts();
    contacts.create(&ada("a@x.example").tags(["x"])).unwrap();
    for key in damaged.keys(INDEX, Some(Kind::Contact)) {
        let (front, _) = key.as_bytes().split_last_chunk::<3>().unwrap();
        damaged.put(&Key::from_bytes(front).unwrap(), &damaged.value(&key));
        damaged.change(|batch| batch.delete(key.clone()));
    }
    is_damage(contacts.list(Contact::TAG.is("x")));
    let view = damaged.world.acme.view().unwrap();
    is_damage(view.contacts().all(Contact::TAG.is("x")).and_then(whole));
}

#[test]
fn a_chunk_of_an_index_that_cannot_be_read_is_told_by_reading_and_by_writing() {
    for value in [
        &b""[..],
        &[10],
        &[10, 1],
        &[10, 1, 0],
        &[10, 1, 0, 4],
        &[10, 2, 1, 0, 0, 0],
        &[10, 3, 0],
        &[10, 4, 0],
    ] {
        let damaged = Damaged::new();
        let contacts = damaged.world.acme.contacts();
        let draft = |email| ada(email).tags(["x"]).lead_source("web");
        let id = contacts.create(&draft("a@x.example")).unwrap().id;
        for key in damaged.keys(INDEX, Some(Kind::Contact)) {
            damaged.put(&key, value);
        }
        is_damage(contacts.list(Contact::TAG.is("x")));
        is_damage(contacts.count(Contact::LEAD_SOURCE.is("web").and(Contact::TAG.is("x"))));
        refused(&damaged, || contacts.create(&draft("b@x.example")));
        refused(&damaged, || contacts.delete(id));
    }
}

#[test]
fn damaged_counts_of_what_is_gone_are_told() {
    for space in [GONE, GONE_COUNT] {
        let damaged = Damaged::new();
        let contacts = damaged.world.acme.contacts();
        let ids = ["a", "b", "c"].map(|name| damaged.world.add(&format!("{name}@x.example")));
        contacts.delete(ids[0]).unwrap();
        for key in damaged.keys(space, Some(Kind::Contact)) {
            damaged.put(&key, b"\x00damaged");
        }
        is_damage(contacts.list(Query::all().offset(1)));
        refused(&damaged, || contacts.delete(ids[1]));
    }
}

#[test]
fn a_natural_key_that_leads_nowhere_or_is_no_id_is_told() {
    for value in [&b""[..], b"short", Uuid::from_u128(7).as_bytes(), &[7; 17]] {
        let damaged = Damaged::new();
        let contacts = damaged.world.acme.contacts();
        damaged.world.add("a@x.example");
        for key in damaged.keys(UNIQUE, Some(Kind::Contact)) {
            damaged.put(&key, value);
        }
        is_damage(contacts.find("a@x.example"));
        is_damage(contacts.list(Contact::EMAIL.is("a@x.example")));
        let view = damaged.world.acme.view().unwrap();
        is_damage(view.contacts().all(Contact::EMAIL.is("a@x.example")).and_then(whole));
        is_damage(damaged.world.acme.write(|tx| tx.contacts().find("a@x.example")));
    }
}

#[test]
fn a_list_by_last_change_that_leads_nowhere_is_told() {
    for value in [&b""[..], b"short", Uuid::from_u128(7).as_bytes()] {
        let damaged = Damaged::new();
        damaged.world.add("a@x.example");
        for key in damaged.keys(UPDATED, Some(Kind::Contact)) {
            damaged.put(&key, value);
        }
        let query = || Query::<Contact>::all().updated_since(Timestamp::MIN);
        is_damage(damaged.world.acme.contacts().list(query()));
        let view = damaged.world.acme.view().unwrap();
        is_damage(view.contacts().all(query()).and_then(whole));
        let filtered = query().filter(Contact::LIFECYCLE_STAGE.is(LifecycleStage::Lead));
        is_damage(view.contacts().all(filtered).and_then(whole));
    }
}

#[test]
fn a_damaged_criterion_is_told() {
    for by in
        [&br#"{"rating":x,"notes":null}"#[..], br#"{"rating":"","note":null}"#, b"                     null"]
    {
        let damaged = Damaged::new();
        let (bant, deal) = (damaged.world.acme.bant(), damaged.world.deal("Deal"));
        let rated = BantUpdate::new().need(CriterionUpdate::new().rating(2));
        bant.update(deal.into(), &rated).unwrap();
        damaged.replace::<Deal>(deal, r#"{"rating":2,"notes":null}"#, &by[..25]);
        is_damage(bant.get(deal.into()));
        is_damage(bant.list(Query::all()));
        let mut json = Vec::new();
        let row = bant.json().get(deal.into()).unwrap();
        is_damage(row.write_json(Bant::model().whole(), &mut json));
        assert!(json.is_empty());
    }
}

#[test]
fn a_damaged_status_of_a_deal_is_told() {
    for (text, by) in [
        ("\"open\"", &b"\"oben\""[..]),
        ("\"open\"", b"\"opem\""),
        ("\"open\"", b"  null"),
        ("\"USD\"", b"\"usd\""),
        ("\"Deal\"", b"Deal\"\""),
    ] {
        let damaged = Damaged::new();
        let (deals, deal) = (damaged.world.acme.deals(), damaged.world.deal("Deal"));
        damaged.replace(deal, text, by);
        is_damage(deals.get(deal));
        is_damage(deals.list(Query::all()));
        is_damage(deals.list(Deal::STATUS.is(DealStatus::Open)));
        let view = damaged.world.acme.view().unwrap();
        is_damage(view.deals().all(Deal::STATUS.is(DealStatus::Open)).and_then(whole));
    }
}

#[test]
fn what_a_deal_is_shown_with_is_told_when_it_is_damaged() {
    let damaged = Damaged::new();
    let acme = &damaged.world.acme;
    let company = acme.companies().create(&CompanyDraft::new("Looms")).unwrap().id;
    let lead = damaged.world.lead("Deal").company_id(company);
    let deal = acme.deals().create(&lead).unwrap().id;
    let call = ActivityDraft::new(ActivityType::Note, "Ask").deal_id(deal);
    acme.activities().create(&call).unwrap();
    let [newest] = &damaged.keys(NEWEST, Some(Kind::Activity))[..] else { panic!("there is one activity") };
    let bytes = damaged.value(newest);
    damaged.put(newest, b"short");
    is_damage(acme.deals().get(deal));
    is_damage(acme.deals().list(Query::all()));
    damaged.put(newest, &bytes);
    acme.deals().get(deal).unwrap();
    let key = record(Kind::Company, company.as_uuid());
    damaged.put(&key, b"");
    is_damage(acme.deals().get(deal));
}

#[test]
fn damaged_lists_feeds_and_kept_answers_are_told() {
    let damaged = Damaged::new();
    let acme = &damaged.world.acme;
    let options = once("k", b"content");
    let draft: ContactDraft = ada("a@x.example");
    acme.contacts().create_with(&draft, &options).unwrap();
    let spoil = |space: u8, kind: Option<Kind>| {
        let all = damaged.keys(space, kind).into_iter().map(|key| (damaged.value(&key), key));
        let all: Vec<_> = all.collect();
        assert!(!all.is_empty(), "{space}");
        all.iter().for_each(|(_, key)| damaged.put(key, b"\x00damaged"));
        all
    };
    let mend = |all: Vec<(Vec<u8>, Key)>| all.iter().for_each(|(value, key)| damaged.put(key, value));
    let head = spoil(1, None);
    is_damage(acme.last_change());
    is_damage(acme.contacts().create(&ada("b@x.example")));
    is_damage(acme.follow(FeedPosition::START).next().unwrap());
    mend(head);
    let spines = spoil(2, Some(Kind::Contact));
    is_damage(acme.contacts().list(Query::all().offset(1)));
    is_damage(acme.contacts().count(Query::all()));
    is_damage(acme.contacts().create(&ada("b@x.example")));
    mend(spines);
    let feed = spoil(FEED, Some(Kind::Contact));
    is_damage(acme.follow(FeedPosition::START).next().unwrap());
    is_damage(acme.view().unwrap().changes(FeedPosition::START).and_then(whole));
    mend(feed);
    let answers = spoil(ANSWER, None);
    refused(&damaged, || acme.contacts().create_with(&draft, &options));
    mend(answers);
    assert!(acme.contacts().create_with(&draft, &options).unwrap().replayed);
    assert_eq!(acme.contacts().count(Query::all()).unwrap(), 1);
}
