use std::collections::{BTreeMap, BTreeSet};

use rally_core::{
    Action, Collection, CompanyDraft, Contact, ContactDraft, FeedEntry, FeedPosition, Kind, Query, Session,
    Timestamp, UserDraft,
    schema::{Resource, Rule},
};
use serde_json::Value;
use uuid::Uuid;

use crate::resources::{self, Asked, Visit, kinds};

/// Checks that a tenant's records of every kind, lists, totals, natural keys, references and feed agree, and answers
/// the contacts in the order of their creation. The feed must reach back to the first change.
///
/// # Panics
/// Panics if two of them differ.
pub fn check_consistency(session: &Session) -> Vec<Contact> {
    let listed: Vec<_> = kinds().into_iter().map(|kind| (kind, both_lists(session, kind))).collect();
    let feed = whole_feed(session);
    let in_feed = listed.iter().filter(|(kind, _)| Kind::IN_FEED.contains(kind));
    let instants: Alive = in_feed
        .flat_map(|(kind, records)| records.iter().map(|record| ((*kind, record.id), record.instants())))
        .collect();
    assert_eq!(alive(&feed), instants, "the feed leads to the lists");
    let last = feed.last().map(|entry| (entry.id, entry.changed_at));
    let head = session.last_change().expect("the feed is answered");
    let is_last = |last| if is_renewed(session) { head >= last } else { head == last };
    assert!(last.is_none_or(is_last), "the head is the last change");
    let ids = listed.iter().flat_map(|(kind, records)| records.iter().map(|record| (*kind, record.id)));
    let ids: BTreeSet<(Kind, Uuid)> = ids.collect();
    for (kind, records) in &listed {
        resources::visit(session, *kind, References { session, records, ids: &ids });
        records.iter().for_each(|record| owns_its_key(session, *kind, record));
    }
    let checked = session.engine().check_store(&mut |_, _| ()).expect("the store is well");
    assert_eq!(checked.damages, [], "the engine's own check agrees");
    let view = session.view().expect("a moment");
    let contacts = view.contacts().all(Query::all()).expect("a list is walked");
    contacts.collect::<Result<_, _>>().expect("a list is walked")
}

/// A record as it is listed.
#[derive(Clone, Debug, PartialEq)]
struct Listed {
    id: Uuid,
    created_at: Timestamp,
    updated_at: Timestamp,
    members: Value,
}

/// Instants of creation and of the last change of each record.
type Alive = BTreeMap<(Kind, Uuid), (Timestamp, Timestamp)>;

impl Listed {
    fn read(text: &str) -> Self {
        let members: Value = serde_json::from_str(text).expect("a record is JSON");
        let instant = |name: &str| members[name].as_str().and_then(|instant| instant.parse().ok());
        Self {
            id: id(&members["id"]).expect("a record has an id"),
            created_at: instant("createdAt").expect("a record was created"),
            updated_at: instant("updatedAt").expect("a record has changed"),
            members,
        }
    }

    const fn instants(&self) -> (Timestamp, Timestamp) {
        (self.created_at, self.updated_at)
    }
}

fn id(json: &Value) -> Option<Uuid> {
    json.as_str().and_then(|id| Uuid::try_parse(id).ok())
}

/// The records of a kind in the order of their creation. Checks that the list by last change has the same ones.
fn both_lists(session: &Session, kind: Kind) -> Vec<Listed> {
    let listed = whole_list(session, kind, &Asked::default());
    let query = Asked { updated_since: Some(Timestamp::MIN), ..Asked::default() };
    let mut changed = whole_list(session, kind, &query);
    assert!(
        listed.is_sorted_by_key(|record| (record.created_at, record.id)),
        "the list of {} is in order of creation",
        kind.plural()
    );
    assert!(changed.is_sorted_by_key(|record| record.updated_at), "the other is in order of change");
    changed.sort_by_key(|record| record.id);
    assert_eq!(changed, listed, "both lists of {} hold the same", kind.plural());
    listed
}

fn whole_list(session: &Session, kind: Kind, query: &Asked) -> Vec<Listed> {
    let mut all = Vec::new();
    loop {
        let offset = u64::try_from(all.len()).expect("a small number");
        let query = Asked { limit: 37, offset, count: true, ..query.clone() };
        let page = resources::list(session, kind, &query).expect("a list is answered");
        all.extend(page.rows.iter().map(|row| Listed::read(row)));
        if !page.has_more {
            assert_eq!(page.total, u64::try_from(all.len()).ok(), "the total is the length of the list");
            return all;
        }
    }
}

/// Checks that references lead to records, and that the lists filtered by a reference lead back.
struct References<'a> {
    session: &'a Session,
    records: &'a [Listed],
    ids: &'a BTreeSet<(Kind, Uuid)>,
}

impl Visit for References<'_> {
    type Output = ();

    fn visit<R: Resource>(self, _: Collection<'_, R>) {
        for (filter, member) in R::model().filters() {
            let target = match member.rule {
                Rule::Reference(target) => Some(target),
                Rule::Id => None,
                _ => continue,
            };
            for (named, by) in self.by_reference(member.name) {
                let leads_somewhere = target.is_none_or(|target| self.ids.contains(&(target, named)));
                assert!(leads_somewhere, "{} {named} is no record's id", member.name);
                let filters = BTreeMap::from([(filter.to_owned(), named.to_string())]);
                let query = Asked { filters, ..Asked::default() };
                let found = whole_list(self.session, R::KIND, &query);
                assert!(found.iter().eq(by), "{filter}={named} leads back to those that name it");
            }
        }
    }
}

impl References<'_> {
    /// The records that name another by a member, by the id of the other.
    fn by_reference(&self, member: &str) -> BTreeMap<Uuid, Vec<&Listed>> {
        let mut all: BTreeMap<Uuid, Vec<&Listed>> = BTreeMap::new();
        for record in self.records {
            if let Some(named) = id(&record.members[member]) {
                all.entry(named).or_default().push(record);
            }
        }
        all
    }
}

fn whole_feed(session: &Session) -> Vec<FeedEntry> {
    let view = session.view().expect("a moment");
    let changes = view.changes(FeedPosition::Since(Timestamp::MIN)).expect("the feed is answered");
    let all: Vec<FeedEntry> = changes.collect::<Result<_, _>>().expect("the feed is answered");
    let has_gap = !all.iter().map(|entry| entry.id).eq(1..=u64::try_from(all.len()).expect("a small number"));
    assert!(!has_gap || is_renewed(session), "the feed has no gap");
    assert!(all.is_sorted_by(|a, b| a.id < b.id), "its numbers increase");
    assert!(all.is_sorted_by(|a, b| a.changed_at < b.changed_at), "its instants increase");
    all
}

/// True when the tenant was put back from a copy or its database failed over, after which its feed goes on higher up.
fn is_renewed(session: &Session) -> bool {
    let epoch = session.view().and_then(|view| view.feed_epoch()).expect("the feed is answered");
    epoch.as_uuid() != session.tenant().id.as_uuid()
}

/// The records that the feed knows and that are not deleted.
fn alive(feed: &[FeedEntry]) -> Alive {
    let mut alive = Alive::new();
    for entry in feed {
        let (record, at) = ((entry.entity_type, entry.entity_id), entry.changed_at);
        let before = match entry.action {
            Action::Inserted => alive.insert(record, (at, at)).is_none(),
            Action::Updated => alive.get_mut(&record).map(|(_, updated)| *updated = at).is_some(),
            Action::Deleted => alive.remove(&record).is_some(),
        };
        assert!(before, "{entry:?} fits what was before it");
    }
    alive
}

fn owns_its_key(session: &Session, kind: Kind, record: &Listed) {
    // Of `ß`, the capital is one letter, too; as two it would be another mailbox.
    let text = |name: &str| record.members[name].as_str().map(|text| text.replace('ß', "ẞ").to_uppercase());
    let refused = match kind {
        Kind::Contact => {
            let email = text("email").expect("a contact has one");
            session.contacts().create(&ContactDraft::new("A", "B", email)).map(drop)
        }
        Kind::Company => match text("domain") {
            Some(domain) => session.companies().create(&CompanyDraft::new("A").domain(domain)).map(drop),
            None => return,
        },
        Kind::User => {
            let email = text("email").expect("a user has one");
            session.users().create(&UserDraft::new(email, "A")).map(drop)
        }
        Kind::Deal
        | Kind::Activity
        | Kind::ApiKey
        | Kind::Tenant
        | Kind::Pipeline
        | Kind::AuditEntry
        | Kind::Webhook => {
            return;
        }
    };
    let error = refused.expect_err("the natural key is taken");
    assert_eq!(error.existing_id(), Some(record.id), "the natural key leads to its record");
}
