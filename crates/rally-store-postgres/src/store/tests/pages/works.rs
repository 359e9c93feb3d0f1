//! The work of an engine, which is the same at every size, and whose answers are as large.

use rally_core::{
    ActivityDraft, ActivityType, ApiKeyDraft, AuditEntry, CompanyDraft, Contact, ContactUpdate, Deal,
    DealDraft, FeedEntry, FeedPosition, FeedQuery, Id, IdempotencyKey, Kind, ListQuery, Query, Scope,
    Session, Timestamp, WriteOptions,
};

use super::{SIZES, Watched, contact};

/// A name, and what is done.
pub(super) type Work = (&'static str, fn(&Given<'_>));

/// The tenant that the work is done on.
pub(super) struct Given<'w> {
    session: &'w Session,
    size: usize,
    half: u64,
    /// A contact in the middle of all.
    middle: Id<Contact>,
    /// A contact with three deals and activities, of a company with three contacts that have a tag.
    target: Contact,
    last: Timestamp,
    key: String,
}

pub(super) fn all() -> impl Iterator<Item = Work> {
    [FEED, LISTS, FILTERS, REST, WRITES].into_iter().flatten().copied()
}

impl<'w> Given<'w> {
    pub(super) fn new(watched: &'w Watched, size: usize) -> Self {
        let target = target(&watched.beside, size);
        let key = watched.beside.api_keys().mint(&ApiKeyDraft::new("key").scopes(Scope::Read)).unwrap().key;
        Self {
            session: &watched.session,
            size,
            half: u64::try_from(size / 2).unwrap(),
            middle: watched.contacts[size / 2],
            target,
            last: watched.beside.last_change().unwrap().1,
            key,
        }
    }

    fn changes(&self, from: FeedPosition, kind: Kind, limit: usize) -> Vec<FeedEntry> {
        self.session.changes(&FeedQuery { from, kinds: vec![kind], limit, epoch: None }).unwrap()
    }

    fn found(&self, query: impl Into<ListQuery<Contact>>) -> usize {
        self.session.contacts().list(query).unwrap().records.len()
    }

    /// An instant that a few changes are after.
    fn before(&self) -> Timestamp {
        Timestamp::from_micros(self.target.updated_at.as_micros() - 1)
    }

    fn of_company(&self) -> rally_core::Filter<Contact> {
        Contact::COMPANY_ID.is(self.target.company_id.unwrap())
    }
}

fn target(session: &Session, size: usize) -> Contact {
    let company = session.companies().create(&CompanyDraft::new(format!("Target {size}"))).unwrap().id;
    let pipeline = session.pipelines().default().unwrap();
    let [target, ..] = ["zaphod", "zarniwoop", "zarquon"].map(|name| {
        let draft = contact(&format!("{name}{size}")).company_id(company).tags(["rare"]);
        session.contacts().create(&draft).unwrap()
    });
    for number in 0..3 {
        let deal = DealDraft::new(pipeline.id, pipeline.stages[0].id, format!("Deal {number}"));
        let deal = session.deals().create(&deal.contact_id(target.id)).unwrap().id;
        let call = ActivityDraft::new(ActivityType::Call, "Ask").deal_id(deal).contact_id(target.id);
        session.activities().create(&call).unwrap();
    }
    target
}

const FEED: &[Work] = &[
    ("an empty poll of the feed", |given| {
        assert!(given.changes(FeedPosition::Since(given.last), Kind::Contact, 1_000).is_empty());
    }),
    ("a poll of what is new", |given| {
        assert_eq!(given.changes(FeedPosition::Since(given.before()), Kind::Contact, 1_000).len(), 3);
    }),
    ("the beginning of the feed", |given| {
        assert_eq!(given.changes(FeedPosition::After(50), Kind::Company, 20).len(), 20);
    }),
    ("the feed from a number on", |given| {
        assert_eq!(given.changes(FeedPosition::After(given.half), Kind::Contact, 20).len(), 20);
    }),
    ("following the feed", |given| {
        let changes = given.session.follow(FeedPosition::Since(given.before())).take(3);
        assert_eq!(changes.filter(Result::is_ok).count(), 3);
    }),
    ("the last change", |given| assert!(given.session.last_change().unwrap().1 >= given.last)),
];

const LISTS: &[Work] = &[
    ("the first page", |given| assert_eq!(given.found(Query::all().limit(100)), 100)),
    ("a page in the middle", |given| {
        assert_eq!(given.found(Query::all().limit(20).offset(given.half).counted()), 20);
    }),
    ("what has changed", |given| assert_eq!(given.found(Query::all().updated_since(given.before())), 3)),
    ("what has changed, from an offset on", |given| {
        let changed = Query::all().updated_since(Timestamp::MIN);
        assert_eq!(given.found(changed.limit(20).offset(given.half)), 20);
    }),
];

const FILTERS: &[Work] = &[
    ("a filter by a reference", |given| assert_eq!(given.found(given.of_company()), 3)),
    ("two filters", |given| {
        let both = given.of_company().and(Contact::TAG.is("rare".to_owned()));
        assert_eq!(given.found(Query::from(both).counted()), 3);
    }),
    ("a search", |given| assert_eq!(given.found(Query::all().search(&given.target.first_name)), 1)),
    ("a search in vain", |given| assert_eq!(given.found(Query::all().search("zzz").counted()), 0)),
    ("walking over what a filter finds", |given| {
        let view = given.session.view().unwrap();
        assert_eq!(view.deals().all(Deal::CONTACT_ID.is(given.target.id)).unwrap().count(), 3);
    }),
    ("records with names of others", |given| {
        let deals = given.session.deals().list(Deal::CONTACT_ID.is(given.target.id));
        assert_eq!(deals.unwrap().records.len(), 3);
    }),
];

const REST: &[Work] = &[
    ("a record", |given| assert_eq!(given.session.contacts().get(given.middle).unwrap().id, given.middle)),
    ("a record by its key", |given| {
        assert!(given.session.contacts().find("c7@x.example").unwrap().is_some());
    }),
    ("the history of a record", |given| {
        assert_eq!(given.session.contacts().history(given.middle).unwrap().records.len(), 1);
    }),
    ("a forecast", |given| {
        let pipeline = given.session.pipelines().default().unwrap().id;
        given.session.pipelines().forecast(pipeline).unwrap();
    }),
    ("the audit trail", |given| {
        let of_keys = AuditEntry::ACTION.is("apiKey.created".to_owned());
        assert!(!given.session.audit().list(of_keys).unwrap().records.is_empty());
    }),
    ("the keys", |given| {
        assert!(!given.session.api_keys().list(Query::all()).unwrap().records.is_empty());
    }),
    ("a request with a key", |given| {
        let engine = given.session.engine();
        assert!(engine.take_request(&engine.authenticate(&given.key).unwrap()).unwrap().unwrap().granted);
    }),
];

const WRITES: &[Work] = &[
    ("a creation", |given| {
        given.session.contacts().create(&contact(&format!("created{}", given.size))).unwrap();
    }),
    ("a creation with a key", |given| {
        let key = IdempotencyKey::new(&format!("once-{}", given.size), &[b"x"]).unwrap();
        let draft = contact(&format!("once{}", given.size));
        given.session.contacts().create_with(&draft, &WriteOptions::default().once(key)).unwrap();
    }),
    ("an update", |given| {
        let update = ContactUpdate::new().phone(given.size.to_string());
        given.session.contacts().update(given.middle, &update).unwrap();
    }),
    ("the history of a changed record", |given| {
        assert_eq!(given.session.contacts().history(given.middle).unwrap().records.len(), 2);
    }),
    ("an upsert", |given| {
        given.session.contacts().upsert(&contact("c9").phone(given.size.to_string())).unwrap();
    }),
    ("the history of a deleted record", |given| {
        let gone = given.session.contacts().create(&contact(&format!("gone{}", given.size))).unwrap().id;
        given.session.contacts().delete(gone).unwrap();
        assert_eq!(given.session.contacts().history(gone).unwrap().records.len(), 2);
    }),
    ("a deletion without links", |given| given.session.contacts().delete(given.middle).unwrap()),
    ("a deletion with links", |given| given.session.contacts().delete(given.target.id).unwrap()),
    ("trimming the feed", |given| {
        // As much each time.
        let upto = FeedPosition::After(if given.size == SIZES[0] { 20 } else { 40 });
        given.session.trim_changes(given.changes(upto, Kind::Contact, 1)[0].changed_at).unwrap();
    }),
];
