//! Histories of records, as the changes of plain states tell them.

use rally_core::{Action, Error, HistoryEntry, HistoryQuery, Id, Kind, Page, Session, Timestamp};
use uuid::Uuid;

use super::{
    state::{Change, Record, State},
    table::{BANT, Member, Values, members},
};
use crate::Random;

/// Compares a part of the history of a record, one that is there or one that was.
pub(super) fn compare_history(session: &Session, state: &State, random: &mut Random) {
    let Some(Change { kind, id, .. }) = state.changes.get(random.below(state.changes.len() + 1)) else {
        return;
    };
    let expected = told(state, *id);
    let first = match random.below(3) {
        0 => 1 + random.below(expected.len()),
        _ => 0,
    };
    let offset = if random.once_in(2) { 0 } else { random.below(expected.len() + 2) };
    let query = HistoryQuery {
        limit: 1 + random.below(10),
        after: expected.get(first.wrapping_sub(1)).map(|entry| entry.number),
        offset: number(offset),
        count: random.once_in(2),
    };
    let page = history(session, *kind, *id, &query).expect("the feed has changes of the record");
    let start = expected.len().min(first + offset);
    let end = expected.len().min(start + query.limit);
    let found: Vec<Told> = page.records.iter().map(Told::read).collect();
    assert_eq!(found, expected[start..end], "{kind} {id} {query:?}");
    assert_eq!(page.has_more, end < expected.len(), "{kind} {id} {query:?}");
    assert_eq!(page.total, query.count.then(|| number(expected.len())), "{kind} {id} {query:?}");
}

fn history(
    session: &Session,
    kind: Kind,
    id: Uuid,
    query: &HistoryQuery,
) -> Result<Page<HistoryEntry>, Error> {
    match kind {
        Kind::Contact => session.contacts().history_with(Id::from_uuid(id), query),
        Kind::Company => session.companies().history_with(Id::from_uuid(id), query),
        Kind::Deal => session.deals().history_with(Id::from_uuid(id), query),
        Kind::Activity => session.activities().history_with(Id::from_uuid(id), query),
        Kind::User | Kind::ApiKey | Kind::Tenant | Kind::Pipeline | Kind::AuditEntry | Kind::Webhook => {
            panic!("{kind} is not in the feed")
        }
    }
}

/// An entry of a history.
#[derive(Debug, PartialEq)]
struct Told {
    number: u64,
    action: Action,
    at: Timestamp,
    /// The name and the JSON text before and after of each member that changed.
    changes: Vec<(String, String, String)>,
    seconds_in_stage: Option<u64>,
}

impl Told {
    fn read(entry: &HistoryEntry) -> Self {
        let changes = entry.changes.iter().map(|change| {
            (change.member.to_owned(), change.from_json().to_owned(), change.to_json().to_owned())
        });
        Self {
            number: entry.id,
            action: entry.action,
            at: entry.changed_at,
            changes: changes.collect(),
            seconds_in_stage: entry.seconds_in_stage,
        }
    }
}

/// The whole history of a record, from the newest change down.
fn told(state: &State, id: Uuid) -> Vec<Told> {
    let (mut all, mut stage_since) = (Vec::new(), Timestamp::MIN);
    for (number, change) in (1..).zip(&state.changes).filter(|(_, change)| change.id == id) {
        let changes = changes(change);
        let is_moved = changes.iter().any(|(name, ..)| name == "stageId");
        let micros = change.at.as_micros() - stage_since.as_micros();
        let is_update = change.action == Action::Updated;
        let seconds_in_stage =
            if is_moved && is_update { u64::try_from(micros / 1_000_000).ok() } else { None };
        if is_moved {
            stage_since = change.at;
        }
        all.push(Told { number, action: change.action, at: change.at, changes, seconds_in_stage });
    }
    all.reverse();
    all
}

/// The name and the JSON text before and after of each member that a change has changed.
pub(super) fn changes(change: &Change) -> Vec<(String, String, String)> {
    let (before, after) = (change.before.as_deref(), change.after.as_deref());
    names(change.kind)
        .map(|(name, member)| (name, text(before, member), text(after, member)))
        .filter(|(_, before, after)| before != after)
        .collect()
}

/// The members that a history tells of, each with its name there.
fn names(kind: Kind) -> impl Iterator<Item = (String, &'static Member)> {
    let own = members(kind).iter().map(|member| (member.name.to_owned(), member));
    let bant = if kind == Kind::Deal { &BANT[..] } else { &[] };
    let bant = bant.iter().filter(|member| member.name != "updatedAt");
    let bant = bant.map(|member| (format!("bant.{}", member.name), member));
    own.chain(bant).filter(|(_, member)| member.values != Values::Made)
}

fn text(record: Option<&Record>, member: &Member) -> String {
    record.map_or_else(|| "null".to_owned(), |record| record.members[member.place].clone())
}

fn number(number: usize) -> u64 {
    u64::try_from(number).expect("a small number")
}
