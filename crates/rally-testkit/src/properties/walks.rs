//! The promises of lists to clients that read them a page at a time while others write.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rally_core::{
    Contact, ContactDraft, ContactUpdate, Error, Id, ListPosition, ListQuery, Page, Query, Session,
    Timestamp, schema::Search, store::Store,
};

use super::{Property, engine::tenant};
use crate::Random;

/// Records when a walk begins.
const RECORDS: usize = 30;
/// Walks of each kind, each by another seed.
const WALKS: u64 = 3;

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![
        Property::of(a_walk_by_offset_sees_every_record_that_stays),
        Property::of(a_walk_behind_the_last_record_sees_every_record_that_stays_once),
        Property::of(a_reader_that_keeps_the_greatest_change_it_saw_misses_none),
        Property::of(a_reader_by_offset_that_keeps_the_greatest_change_it_saw_misses_none),
    ]
}

/// The lists that are walked.
fn queries() -> [Query<Contact>; 5] {
    let searched = Search::parse("lo").expect("a good text");
    [
        Query::all(),
        Query::from(Contact::LEAD_SOURCE.is("web")),
        Query { search: searched.clone(), ..Query::all() },
        Query::all().updated_since(Timestamp::MIN),
        Query { search: searched, ..Query::from(Contact::LEAD_SOURCE.is("web")) }
            .updated_since(Timestamp::MIN),
    ]
}

/// Contacts of a tenant, of which the list of a query has most, and a writer who does not stop.
struct Writer<'s> {
    acme: &'s Session,
    random: Random,
    ids: Vec<Id<Contact>>,
    made: usize,
}

impl<'s> Writer<'s> {
    fn new(acme: &'s Session, seed: u64) -> Self {
        let mut writer = Self { acme, random: Random::new(seed), ids: Vec::new(), made: 0 };
        let old = acme.contacts().list(Query::all()).expect("the store is well").records;
        old.iter().for_each(|contact| acme.contacts().delete(contact.id).expect("it is there"));
        (0..RECORDS).for_each(|_| writer.create());
        writer
    }

    fn create(&mut self) {
        self.made += 1;
        let email = format!("{}-{}@x.example", self.made, self.random.number());
        let source = if self.random.once_in(4) { "fair" } else { "web" };
        let draft = ContactDraft::new("Ada", "Lovelace", email).lead_source(source);
        self.ids.push(self.acme.contacts().create(&draft).expect("a good draft").id);
    }

    /// Creates, changes and deletes some records. Some of the changed ones leave filters, or come back.
    fn write(&mut self) {
        for _ in 0..self.random.below(6) {
            let place = self.random.below(self.ids.len().max(1));
            match (self.random.below(6), self.ids.get(place)) {
                (0, _) | (_, None) => self.create(),
                (1 | 2, Some(id)) => {
                    self.acme.contacts().delete(*id).expect("it is there");
                    self.ids.remove(place);
                }
                (_, Some(id)) => {
                    let update = ContactUpdate::new().phone(self.random.number().to_string());
                    let update = if self.random.once_in(4) {
                        update.lead_source(self.random.one_of(&["web", "fair"]))
                    } else {
                        update
                    };
                    self.acme.contacts().update(*id, &update).expect("a good update");
                }
            }
        }
    }

    fn page(&self, query: impl Into<ListQuery<Contact>>) -> Page<Contact> {
        self.acme.contacts().list(query).expect("the store is well")
    }

    /// The records of a query at this moment, with their last changes.
    fn all(&self, query: &Query<Contact>) -> BTreeMap<Id<Contact>, Timestamp> {
        let view = self.acme.view().expect("a moment");
        let all = view.contacts().all(query.clone()).expect("a good query");
        let all = all.map(|contact| contact.map(|contact| (contact.id, contact.updated_at)));
        all.collect::<Result<_, Error>>().expect("the store is well")
    }
}

/// Ids that were in a list at each of several moments.
struct Stayed(BTreeSet<Id<Contact>>);

impl Stayed {
    fn from(now: &BTreeMap<Id<Contact>, Timestamp>) -> Self {
        Self(now.keys().copied().collect())
    }

    fn until(&mut self, now: &BTreeMap<Id<Contact>, Timestamp>) {
        self.0.retain(|id| now.contains_key(id));
    }

    #[track_caller]
    fn are_in(&self, seen: &[Contact], what: &str) {
        let seen: BTreeSet<Id<Contact>> = seen.iter().map(|contact| contact.id).collect();
        let missed: Vec<_> = self.0.difference(&seen).collect();
        assert!(missed.is_empty(), "{what} has missed {missed:?}");
    }
}

/// Walks a list by offset as most clients do, until a page is empty.
fn walk_by_offset(writer: &mut Writer<'_>, query: &Query<Contact>, stayed: &mut Stayed) -> Vec<Contact> {
    let limit = 1 + writer.random.below(5);
    let (mut offset, mut end): (u64, Option<ListPosition>) = (0, None);
    let mut seen = Vec::new();
    loop {
        let page = writer.page(query.clone().limit(limit).offset(offset).not_behind(end));
        let Some(last) = page.end else { return seen };
        seen.extend(page.records);
        end = Some(last);
        offset += u64::try_from(limit).expect("a small number");
        // Else the walk might never come to the end of a list by change.
        if seen.len() < 3 * RECORDS {
            writer.write();
        }
        stayed.until(&writer.all(query));
    }
}

/// Walks a list behind the last record of each page, until no more follow.
fn walk_behind_the_last(
    writer: &mut Writer<'_>,
    query: &Query<Contact>,
    stayed: &mut Stayed,
) -> Vec<Contact> {
    let limit = 1 + writer.random.below(5);
    let mut next = query.clone().limit(limit);
    let mut seen: Vec<Contact> = Vec::new();
    loop {
        let page = writer.page(next);
        seen.extend(page.records);
        let (true, Some(last)) = (page.has_more, seen.last()) else { return seen };
        next = if query.updated_since.is_some() {
            query.clone().updated_since(last.updated_at).limit(limit)
        } else {
            query.clone().limit(limit).after(last.id)
        };
        if seen.len() < 3 * RECORDS {
            writer.write();
        }
        stayed.until(&writer.all(query));
    }
}

fn a_walk_by_offset_sees_every_record_that_stays(store: &Arc<dyn Store>) {
    let acme = tenant(Arc::clone(store));
    for seed in 0..WALKS {
        for query in queries() {
            let mut writer = Writer::new(&acme, seed);
            let mut stayed = Stayed::from(&writer.all(&query));
            let seen = walk_by_offset(&mut writer, &query, &mut stayed);
            stayed.are_in(&seen, &format!("the walk {seed} of {query:?}"));
        }
    }
}

fn a_walk_behind_the_last_record_sees_every_record_that_stays_once(store: &Arc<dyn Store>) {
    let acme = tenant(Arc::clone(store));
    for seed in 0..WALKS {
        for query in queries() {
            let mut writer = Writer::new(&acme, seed);
            let mut stayed = Stayed::from(&writer.all(&query));
            let seen = walk_behind_the_last(&mut writer, &query, &mut stayed);
            stayed.are_in(&seen, &format!("the walk {seed} of {query:?}"));
            let versions: BTreeSet<_> = seen
                .iter()
                .map(|contact| (contact.id, query.updated_since.map(|_| contact.updated_at)))
                .collect();
            assert_eq!(versions.len(), seen.len(), "the walk {seed} of {query:?} has seen some twice");
        }
    }
}

fn a_reader_that_keeps_the_greatest_change_it_saw_misses_none(store: &Arc<dyn Store>) {
    runs_in_a_row_miss_nothing(store, walk_behind_the_last);
}

fn a_reader_by_offset_that_keeps_the_greatest_change_it_saw_misses_none(store: &Arc<dyn Store>) {
    runs_in_a_row_miss_nothing(store, walk_by_offset);
}

/// Reads what changed since the last run three times, the last one with nobody writing, and compares the records as they
/// were read last with the list.
fn runs_in_a_row_miss_nothing(
    store: &Arc<dyn Store>,
    walk: fn(&mut Writer<'_>, &Query<Contact>, &mut Stayed) -> Vec<Contact>,
) {
    let acme = tenant(Arc::clone(store));
    for seed in 0..WALKS {
        let mut writer = Writer::new(&acme, seed);
        let (mut since, mut read) = (Timestamp::MIN, BTreeMap::new());
        for run in 0..3 {
            let query = Query::all().updated_since(since);
            let seen = if run < 2 {
                let mut stayed = Stayed::from(&BTreeMap::new());
                walk(&mut writer, &query, &mut stayed)
            } else {
                let view = acme.view().expect("a moment");
                let all = view.contacts().all(query).expect("a good query");
                all.collect::<Result<Vec<_>, Error>>().expect("the store is well")
            };
            for contact in seen {
                since = since.max(contact.updated_at);
                read.insert(contact.id, contact.updated_at);
            }
        }
        let all = writer.all(&Query::all());
        read.retain(|id, _| all.contains_key(id));
        assert_eq!(read, all, "the runs of the walk {seed}");
    }
}
