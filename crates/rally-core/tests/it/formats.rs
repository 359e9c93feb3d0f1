//! Stores written by released versions are read by every later one. `golden/v1.txt` holds every key and value that this
//! version writes for a known history, in hexadecimal. Nothing is released yet, so it may still change: run these tests
//! with `RALLY_WRITE_GOLDEN=1` to write it anew.

use std::{collections::BTreeSet, fmt::Write, io, sync::Arc};

use rally_core::{
    ActivityDraft, ActivityStatus, ActivityType, ApiKeyDraft, Atomicity, Attempted, BackupFile, BackupTarget,
    BantUpdate, Code, Collection, Company, CompanyDraft, Config, Contact, ContactUpdate, CourierLimits,
    CriterionUpdate, Deal, DealDraft, Decimal, DeliveryOrder, Engine, Error, Event, EventFilter,
    FeedPosition, FeedQuery, Id, IdempotencyKey, Kind, ListQuery, Query, Scope, Session, StageMove, TenantId,
    Timestamp, UserDraft, WebhookDraft, Written,
    schema::Resource,
    store::{Batch, Commit, Direction, Entry, Key, KeyRange, MemoryStore, Space, Store},
};
use rally_testkit::{FailoverStore, SharedStore};

use crate::support::{World, ada, once, text};

const V1: &str = include_str!("golden/v1.txt");

/// A history that uses every kind of row: enough changes to close blocks and to mark the feed, on a store whose servers
/// share the rate limit.
pub(crate) fn history(store: Arc<dyn Store>) -> World {
    let failing = Arc::new(FailoverStore::new(store));
    let world = World::on(Arc::<FailoverStore>::clone(&failing));
    world.engine.take_request(&world.acme).unwrap();
    world.engine.signing_secrets().unwrap();
    for number in 0..70 {
        world.clock.advance(1_000);
        world.add(&format!("c{number}@x.example"));
    }
    let contacts = world.acme.contacts().list(Query::all()).unwrap().records;
    world.acme.contacts().delete(contacts[1].id).unwrap();
    let update = ContactUpdate::new().notes("line\nbreak").tags(["a", "b"]).lead_score(7);
    world.acme.contacts().update(contacts[2].id, &update).unwrap();
    world.acme.trim_changes(contacts[3].updated_at).unwrap();
    world.acme.api_keys().mint(&ApiKeyDraft::new("robot").scopes(Scope::Admin)).unwrap();
    sell(&world.acme, contacts[4].id);
    answer_once(&world.acme);
    tell(&world);
    failing.fail_over(&[]);
    world.add("later@x.example");
    let backup = world.engine.back_up(&mut Nowhere).unwrap();
    world.engine.note_backup(&backup, true).unwrap();
    world
}

/// Forgets a backup.
struct Nowhere;

impl BackupTarget for Nowhere {
    type File = io::Sink;

    fn begin(&mut self, _: &str) -> io::Result<io::Sink> {
        Ok(io::sink())
    }

    fn end(&mut self, _: io::Sink, _: &BackupFile) -> io::Result<()> {
        Ok(())
    }
}

/// Webhooks with a delivery in each state, and work that is left for whoever delivers.
fn tell(world: &World) {
    let webhook = |name| WebhookDraft::new(name, "https://x.example/hook", [Event::ContactCreated]);
    let webhooks = world.acme.webhooks();
    webhooks.create(&webhook("till").filter(EventFilter::new().pipeline_id(world.pipeline().id))).unwrap();
    webhooks.create(&webhook("shop").ordering(DeliveryOrder::Strict)).unwrap();
    let gone = webhooks.create(&webhook("gone")).unwrap().id;
    for (number, status) in [200, 500].into_iter().enumerate() {
        world.add(&format!("told{number}@x.example"));
        for claim in world.engine.deliveries().claim(&CourierLimits::default()).unwrap() {
            world.engine.deliveries().finish(&claim, &Attempted::answered(status, 7)).unwrap();
        }
    }
    world.add("untold@x.example");
    drop(world.engine.deliveries().claim(&CourierLimits::default()).unwrap());
    webhooks.delete(gone).unwrap();
}

/// Records that refer to others, in every index there is, and an answer that was kept with their names in it.
fn sell(acme: &Session, contact: Id<Contact>) {
    let pipeline = acme.pipelines().default().unwrap();
    let owner = acme.users().create(&UserDraft::new("o@x.example", "Olga").scopes(Scope::Admin)).unwrap().id;
    let company = CompanyDraft::new("Looms").domain("looms.example").tags(["a", "b"]);
    let company = acme.companies().create(&company).unwrap().id;
    let deal = DealDraft::new(pipeline.id, pipeline.stages[0].id, "Loom").value(Decimal::from(10));
    let deal = deal.company_id(company).contact_id(contact).owner_id(owner);
    let deal = acme.deals().create_with(&deal, &once("deal", b"content")).unwrap().record.id;
    let budget = BantUpdate::new().budget(CriterionUpdate::new().rating(2));
    acme.bant().update(deal.into(), &budget).unwrap();
    let call = ActivityDraft::new(ActivityType::Call, "Ask").deal_id(deal);
    acme.activities().create(&call.status(ActivityStatus::Completed)).unwrap();
    acme.companies().delete(company).unwrap();
    acme.companies().create(&CompanyDraft::new("Mills").domain("mills.example").industry("Cotton")).unwrap();
    let won = StageMove::to(pipeline.stage("Closed Won").unwrap().id);
    acme.deals().move_with(deal, won, &once("move", b"content")).unwrap();
}

/// Each way in which a write is answered, done under a key; again, it is answered by what was kept.
fn answer_once(acme: &Session) -> Vec<String> {
    let z = || ada("z@x.example");
    let nobody: Id<Company> = Id::from_uuid(acme.tenant().id.as_uuid());
    let drafts = [z(), z(), ada("no address"), ada("y@x.example").company_id(nobody)];
    let (contacts, options) = (acme.contacts(), once("bulk", b"content"));
    let bulk = contacts.create_many_with(&drafts, Atomicity::EachByItself, &options).unwrap();
    let fate = |item: &Result<Id<Contact>, Error>| match item {
        Ok(id) => id.to_string(),
        Err(error) => {
            let (code, faults) = (error.code().name(), error.faults().by_member());
            format!("{code}: {} {faults:?} {:?}", error.detail(), error.existing_id())
        }
    };
    let mut answers: Vec<String> = bulk.items.iter().map(fate).collect();
    let written = |answer: Written<Contact>| format!("{:?} {}", answer.outcome, answer.record.email);
    answers.push(written(contacts.create_with(&ada("w@x.example"), &once("create", b"content")).unwrap()));
    let city = contacts.upsert_with(&z().city("London"), &once("upsert", b"content")).unwrap();
    answers.push(written(city));
    let same = contacts.upsert_with(&z().city("London"), &once("same", b"content")).unwrap();
    answers.push(written(same));
    let gone = Id::from_uuid(bulk.items[0].as_ref().unwrap().as_uuid());
    answers.push(contacts.delete_with(gone, &once("delete", b"content")).unwrap().id.to_string());
    let key = IdempotencyKey::new("transaction", &[b"content"]).unwrap();
    let value: (u8, String) = acme.write_once(&key, |_| Ok((7, "seven".to_owned()))).unwrap();
    answers.push(format!("{value:?}"));
    answers
}

/// A list as text, and its length.
fn read<R: Resource>(records: Collection<'_, R>, query: &ListQuery<R>) -> (Vec<String>, Option<u64>) {
    let page = records.json().list(query).unwrap();
    (page.records.iter().map(text).collect(), page.total)
}

fn entries(store: &dyn Store, tenant: TenantId) -> Vec<Entry> {
    let snapshot = store.snapshot(tenant).unwrap();
    let scan = |space| {
        let range = KeyRange::prefix(&Key::new(Space(space)));
        snapshot.scan(&range, Direction::Forward, usize::MAX).unwrap()
    };
    (0..=u8::MAX).flat_map(scan).collect()
}

fn dump(store: &dyn Store, tenants: &[TenantId]) -> String {
    let mut text = String::new();
    for tenant in tenants {
        for entry in entries(store, *tenant) {
            writeln!(text, "{tenant} {} {}", hex(entry.key.as_bytes()), hex(&entry.value)).unwrap();
        }
    }
    text
}

/// The keys and values of a dump, by tenant.
fn rows(text: &str) -> impl Iterator<Item = (TenantId, Vec<u8>, Vec<u8>)> {
    text.lines().map(|line| {
        let [tenant, key, value] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        (TenantId::from_uuid(tenant.parse().unwrap()), unhex(key), unhex(value))
    })
}

fn load(text: &str) -> Arc<MemoryStore> {
    let store = MemoryStore::new();
    for (tenant, key, value) in rows(text) {
        let mut batch = Batch::new();
        batch.put(Key::from_bytes(&key).unwrap(), value);
        assert_eq!(store.write(tenant, &mut |_| Ok(batch.clone())).unwrap(), Commit::Applied);
    }
    Arc::new(store)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

#[test]
fn this_version_writes_format_1() {
    let store = Arc::new(MemoryStore::new());
    let world = history(store.clone());
    let written = dump(&*store, &[TenantId::DIRECTORY, world.acme.tenant().id]);
    if std::env::var_os("RALLY_WRITE_GOLDEN").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/golden/v1.txt"), &written).unwrap();
    }
    assert!(written == V1, "what is stored has changed: that is a new format, beside this one");
}

#[test]
fn the_golden_file_has_each_family_of_keys_each_row_each_kind_and_each_answer() {
    let families: BTreeSet<u8> = rows(V1).map(|(_, key, _)| key[0]).collect();
    let expected = [
        1, 2, 3, 4, 5, 6, 8, 9, 0xB, 0xC, 0xD, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x20, 0x21, 0x30,
        0x31,
    ];
    let expected = expected.into_iter().chain(0x40..=0x47);
    assert_eq!(families, expected.collect());
    // Values of other families are numbers, keys, or nothing.
    let has_row = |key: &[u8]| matches!(key[0], 0..=9 | 0xB..=0xD | 0x10 | 0x13 | 0x15 | 0x16 | 0x20 | 0x21 | 0x30 | 0x40..=0x42 | 0x45 | 0x46);
    let numbers: BTreeSet<u8> =
        rows(V1).filter(|(_, key, _)| has_row(key)).map(|(.., value)| value[0]).collect();
    assert_eq!(numbers, (1..=11).chain(14..=18).chain(20..=24).collect());
    let kinds: BTreeSet<u8> =
        rows(V1).filter(|(_, key, _)| key[0] == 0x10).map(|(_, key, _)| key[1]).collect();
    assert_eq!(kinds, Kind::ALL.iter().map(|kind| kind.number()).collect());
    // The row, its format and an instant of nine bytes stand before the state.
    let former: BTreeSet<u8> =
        rows(V1).filter(|(_, key, _)| key[0] == 0x21).map(|(.., value)| value[2 + 9]).collect();
    assert_eq!(former, [0, 1].into(), "changed members and whole records");
    // The row, its format, an instant of nine bytes and a fingerprint of 32 stand before the kind of answer.
    let answers: BTreeSet<u8> =
        rows(V1).filter(|(_, key, _)| key[0] == 0x30).map(|(.., value)| value[2 + 9 + 32]).collect();
    assert_eq!(answers, (0..=3).collect(), "written, deleted, bulk and value");
}

#[test]
fn format_1_is_read_and_written_on() {
    let known = history(Arc::new(MemoryStore::new()));
    let engine = server(V1);
    let acme = engine.tenant("acme").unwrap().trusted_session("host").unwrap();
    let allowance = engine.take_request(&acme).unwrap().unwrap();
    assert_eq!(allowance.remaining, 949, "one portion is leased already, and this is the first of the next");
    for query in [
        Query::all().counted(),
        Query::all().offset(63),
        Query::all().updated_since(Timestamp::MIN).offset(60).counted(),
        Query::all().search("ada").counted(),
        Contact::TAG.is("b").into(),
    ] {
        assert_eq!(read(acme.contacts(), &query), read(known.acme.contacts(), &query), "{query:?}");
    }
    let known_acme = &known.acme;
    for kind in Kind::ALL {
        match kind {
            Kind::Contact => alike(acme.contacts(), known_acme.contacts()),
            Kind::Company => alike(acme.companies(), known_acme.companies()),
            Kind::Deal => alike(acme.deals(), known_acme.deals()),
            Kind::Activity => alike(acme.activities(), known_acme.activities()),
            Kind::User => alike(acme.users(), known_acme.users()),
            Kind::ApiKey => alike(acme.api_keys(), known_acme.api_keys()),
            Kind::Pipeline => alike(acme.pipelines(), known_acme.pipelines()),
            Kind::AuditEntry => alike(acme.audit(), known_acme.audit()),
            Kind::Webhook => alike(acme.webhooks(), known_acme.webhooks()),
            Kind::Tenant => assert_eq!(acme.tenant(), known_acme.tenant()),
        }
    }
    alike(acme.bant(), known_acme.bant());
    assert_eq!(acme.settings().unwrap(), known_acme.settings().unwrap());
    assert_eq!(engine.tenants().unwrap(), known.engine.tenants().unwrap());
    assert_eq!(engine.signing_secrets().unwrap(), known.engine.signing_secrets().unwrap());
    let query =
        FeedQuery { from: FeedPosition::After(65), kinds: vec![Kind::Contact], limit: 100, epoch: None };
    assert_eq!(acme.changes(&query).unwrap(), known_acme.changes(&query).unwrap());
    for change in acme.changes(&query).unwrap() {
        let id = Id::from_uuid(change.entity_id);
        assert_eq!(acme.contacts().history(id).unwrap(), known_acme.contacts().history(id).unwrap());
    }
    let deal = acme.deals().list(Query::all()).unwrap().records[0].id;
    assert_eq!(acme.deals().history(deal).unwrap(), known_acme.deals().history(deal).unwrap());
    assert!(acme.contacts().create(&ada("W@x.example")).unwrap_err().is_duplicate());
    let first = acme.contacts().list(Query::all()).unwrap().records.remove(0);
    acme.contacts().update(first.id, &ContactUpdate::new().phone("1")).unwrap();
}

#[track_caller]
fn alike<R: Resource>(one: Collection<'_, R>, other: Collection<'_, R>) {
    let all = Query::all().counted();
    assert_eq!(read(one, &all), read(other, &all));
}

#[test]
fn answers_kept_in_format_1_are_given_again() {
    let engine = server(V1);
    let acme = engine.tenant("acme").unwrap().trusted_session("host").unwrap();
    let before = acme.last_change().unwrap();
    let answers = answer_once(&acme);
    assert_eq!(acme.last_change().unwrap(), before, "nothing was done again");
    let id = &answers[0];
    assert_eq!(
        answers[1..],
        [
            &format!(
                "duplicate: another contact has this email {{\"email\": [\"is taken by another contact\"]}} Some({id})"
            ),
            "validation: email is not an e-mail address {\"email\": [\"is not an e-mail address\"]} None",
            "bad_reference: companyId must name a record of this tenant {\"companyId\": [\"names no company\"]} None",
            "Created w@x.example",
            "Updated z@x.example",
            "Unchanged z@x.example",
            id,
            "(7, \"seven\")",
        ]
    );
    let deal: Written<Deal> = {
        let pipeline = acme.pipelines().default().unwrap();
        let draft = DealDraft::new(pipeline.id, pipeline.stages[0].id, "Loom");
        acme.deals().create_with(&draft, &once("deal", b"content")).unwrap()
    };
    assert!(deal.replayed);
    assert_eq!(deal.record.company_name.as_deref(), Some("Looms"), "as it was, though it is gone by now");
    let mismatch = acme.contacts().create_with(&ada("v@x.example"), &once("create", b"other"));
    assert_eq!(mismatch.unwrap_err().code(), Code::IdempotencyMismatch);
}

/// Another server, on a store that holds a golden file.
fn server(golden: &str) -> Engine {
    let (environment, _) = rally_testkit::environment(8);
    Engine::with(Arc::new(SharedStore::new(load(golden))), environment, Config::default())
}
