use std::collections::BTreeMap;

use rally_core::{
    Action, Contact, FeedEntry, FeedFrom, FeedQuery, Json, Kind, ListQuery, Session, Timestamp, limits,
};
use serde_json::json;
use uuid::Uuid;

/// Checks that a tenant's records, lists, totals, natural keys and feed all tell the same story, and answers the
/// contacts in the order of their creation. The feed must reach back to the first change.
///
/// # Panics
/// When two of them differ.
pub fn check_consistency(session: &Session) -> Vec<Contact> {
    let listed = whole_list(session, None);
    let mut changed = whole_list(session, Some(Timestamp::MIN));
    assert!(
        listed.is_sorted_by_key(|contact| (contact.created_at, contact.id)),
        "the list is in order of creation"
    );
    assert!(changed.is_sorted_by_key(|contact| contact.updated_at), "the other is in order of change");
    changed.sort_by_key(|contact| contact.id);
    assert_eq!(changed, listed, "both lists hold the same");
    let feed = whole_feed(session);
    assert_eq!(alive(&feed), instants(&listed), "the feed leads to the list");
    let last = feed.last().map(|entry| (entry.id, entry.changed_at));
    assert!(
        last.is_none_or(|last| session.last_change().is_ok_and(|head| head == last)),
        "the head is the last change"
    );
    listed.iter().for_each(|contact| owns_its_email(session, contact));
    listed
}

fn whole_list(session: &Session, updated_since: Option<Timestamp>) -> Vec<Contact> {
    let mut all = Vec::new();
    loop {
        let offset = u64::try_from(all.len()).expect("a small number");
        let query = ListQuery { limit: 37, offset, updated_since, count: true, ..ListQuery::default() };
        let page = session.contacts().list(&query).expect("a list is answered");
        all.extend(page.rows.iter().map(|row| row.read().expect("a record can be read")));
        if !page.has_more {
            assert_eq!(page.total, u64::try_from(all.len()).ok(), "the total is the length of the list");
            return all;
        }
    }
}

fn whole_feed(session: &Session) -> Vec<FeedEntry> {
    let mut all: Vec<FeedEntry> = Vec::new();
    loop {
        let since = all.last().map_or(Timestamp::MIN, |entry| entry.changed_at);
        let query = FeedQuery {
            from: FeedFrom::Since(since),
            kinds: Kind::IN_FEED.to_vec(),
            limit: limits::FEED_PAGE,
        };
        let page = session.changes(&query).expect("the feed is answered");
        if page.is_empty() {
            let numbers = all.iter().map(|entry| entry.id);
            assert!(numbers.eq(1..=u64::try_from(all.len()).expect("a small number")), "the feed has no gap");
            assert!(all.is_sorted_by(|a, b| a.changed_at < b.changed_at), "its instants increase");
            return all;
        }
        all.extend(page);
    }
}

/// When each record that the feed knows and that is not deleted was created, and when it last changed.
fn alive(feed: &[FeedEntry]) -> BTreeMap<Uuid, (Timestamp, Timestamp)> {
    let mut alive = BTreeMap::new();
    for entry in feed {
        let at = entry.changed_at;
        let before = match entry.action {
            Action::Inserted => alive.insert(entry.entity_id, (at, at)).is_none(),
            Action::Updated => alive.get_mut(&entry.entity_id).map(|(_, updated)| *updated = at).is_some(),
            Action::Deleted => alive.remove(&entry.entity_id).is_some(),
        };
        assert!(before, "{entry:?} fits what was before it");
    }
    alive
}

fn instants(contacts: &[Contact]) -> BTreeMap<Uuid, (Timestamp, Timestamp)> {
    contacts.iter().map(|contact| (contact.id.as_uuid(), (contact.created_at, contact.updated_at))).collect()
}

fn owns_its_email(session: &Session, contact: &Contact) {
    let body = json!({"firstName": "A", "lastName": "B", "email": contact.email.to_uppercase()}).to_string();
    let error = session.contacts().create(&Json(body.as_bytes())).expect_err("the address is taken");
    assert_eq!(error.existing_id(), Some(contact.id.as_uuid()), "the address leads to its contact");
}
