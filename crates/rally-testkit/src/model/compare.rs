use rally_core::{
    Contact, FeedFrom, FeedQuery, Fields, Id, Kind, ListQuery, Profile, Resource, Row, Session, Timestamp,
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    members::NAMES,
    state::{Known, State},
};
use crate::Random;

/// Compares what the engine answers with what the state holds: a list, a list since an instant, a record and the feed,
/// each at a random place.
pub(super) fn compare(session: &Session, state: &State, random: &mut Random) {
    list(session, state, random);
    list_since(session, state, random);
    one(session, state, random);
    feed(session, state, random);
}

fn list(session: &Session, state: &State, random: &mut Random) {
    let query = ListQuery {
        limit: 1 + random.below(100),
        offset: number(random.below(state.contacts.len() + 2)),
        count: random.once_in(2),
        ..ListQuery::default()
    };
    same_page(session, &query, state.contacts.iter().collect());
}

fn list_since(session: &Session, state: &State, random: &mut Random) {
    let since = some_instant(state, random);
    let mut changed: Vec<&Known> =
        state.contacts.iter().filter(|contact| contact.updated_at > since).collect();
    changed.sort_by_key(|contact| contact.updated_at);
    let query = ListQuery {
        limit: 1 + random.below(100),
        offset: number(random.below(changed.len() + 2)),
        count: random.once_in(2),
        updated_since: Some(since),
        ..ListQuery::default()
    };
    same_page(session, &query, changed);
}

fn same_page(session: &Session, query: &ListQuery, all: Vec<&Known>) {
    let page = session.contacts().list(query).expect("a list is answered");
    let offset = usize::try_from(query.offset).expect("a small number");
    let expected: Vec<Value> =
        all.iter().skip(offset).take(query.limit).map(|contact| contact.to_json()).collect();
    let found: Vec<Value> = page.rows.iter().map(to_json).collect();
    assert_eq!(found, expected, "{query:?}");
    assert_eq!(page.has_more, all.len() > offset + query.limit, "{query:?}");
    assert_eq!(page.total, query.count.then(|| number(all.len())), "{query:?}");
}

fn one(session: &Session, state: &State, random: &mut Random) {
    let gone = state.changes.iter().filter_map(|change| change.id).collect::<Vec<Uuid>>();
    if gone.is_empty() {
        return;
    }
    let id = random.one_of(&gone);
    let expected = state.contacts.iter().find(|contact| contact.id == Some(id)).map(Known::to_json);
    match session.contacts().get(Id::from_uuid(id)) {
        Ok(row) => assert_eq!(Some(to_json(&row)), expected),
        Err(error) => assert!(error.is_not_found() && expected.is_none(), "{id} {error:?}"),
    }
}

fn feed(session: &Session, state: &State, random: &mut Random) {
    let limit = 1 + random.below(100);
    let since = some_instant(state, random);
    let after = random.below(state.changes.len() + 2);
    for (from, start) in [
        (FeedFrom::Since(since), state.changes.partition_point(|change| change.at <= since)),
        (FeedFrom::After(number(after)), after),
    ] {
        let query = FeedQuery { from, kinds: Kind::IN_FEED.to_vec(), limit };
        let found: Vec<_> = session.changes(&query).expect("the feed is answered").into_iter().collect();
        let expected: Vec<_> = state.changes.iter().enumerate().skip(start).take(limit).collect();
        assert_eq!(found.len(), expected.len(), "{query:?}");
        for (entry, (index, change)) in found.iter().zip(expected) {
            assert_eq!(
                (entry.id, Some(entry.entity_id), entry.action, entry.changed_at),
                (number(index + 1), change.id, change.action, change.at),
                "{query:?}"
            );
        }
    }
}

/// An instant at, just before, or just behind a change.
fn some_instant(state: &State, random: &mut Random) -> Timestamp {
    match state.changes.get(random.below(state.changes.len() + 1)) {
        Some(change) => change.at.plus_micros(random.one_of(&[-1, 0, 1])),
        None => Timestamp::MIN,
    }
}

/// The members of a record that the model knows.
fn to_json(row: &Row<Contact>) -> Value {
    let names = format!("id,fullName,createdAt,updatedAt,{}", NAMES.join(","));
    let fields = Fields::parse(Contact::model(), &names, Profile::Strict).expect("these are members");
    let mut json = Vec::new();
    row.write_json(&fields, &mut json).expect("a record can be read");
    serde_json::from_slice(&json).expect("a record is JSON")
}

fn number(number: usize) -> u64 {
    u64::try_from(number).expect("a small number")
}
