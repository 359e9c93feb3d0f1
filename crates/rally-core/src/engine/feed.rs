//! The feed of a tenant's changes. Numbers and instants both strictly increase in commit order, and a change is never
//! visible before all earlier ones, so whoever goes on from the last instant read misses nothing and repeats nothing.

use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::{
    Session,
    codec::{self, FeedEntryV1, HeadV1, MarkV1, TrimV1},
    list::check_limit,
    spaces,
    stage::Stage,
    write::WriteOptions,
    written::Answer,
};
use crate::{
    base::{Error, Kind, Scope, Timestamp, limits},
    store::{Direction, KeyRange, Snapshot, StoreError, read_instant},
};

/// The instant of every so many changes is noted, so that a change is found by its number.
pub(crate) const MARK_EVERY: u64 = 64;

/// Entries that one transaction of a trim takes away.
const TRIMMED_AT_ONCE: usize = 10_000;

/// What is asked of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Where to go on from.
    pub from: From,
    /// The kinds whose changes are wanted; of those that are not in the feed there are none.
    pub kinds: Vec<Kind>,
    /// How many at most; 1 to [`limits::FEED_PAGE`](crate::limits::FEED_PAGE).
    pub limit: usize,
}

/// Where to go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Behind this instant.
    Since(Timestamp),
    /// Behind the change with this number.
    After(u64),
}

/// Changes in the order in which they were committed.
pub type Changes = Vec<Entry>;

/// One change of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its number: 1 for a tenant's first change, then one more each time.
    pub id: u64,
    /// The kind of record.
    #[serde(serialize_with = "noun")]
    pub entity_type: Kind,
    /// The record.
    pub entity_id: Uuid,
    /// What happened to it.
    pub action: Action,
    /// When. It is the record's `updatedAt` from then until its next change.
    pub changed_at: Timestamp,
    /// Who did it: a user's e-mail, or `apikey:` and the key's name.
    pub changed_by: Option<String>,
}

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It was created.
    Inserted,
    /// It was changed.
    Updated,
    /// It was deleted.
    Deleted,
}

fn noun<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.noun())
}

impl Action {
    const ALL: [Action; 3] = [Action::Inserted, Action::Updated, Action::Deleted];

    /// The name that the feed gives it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Action::Inserted => "inserted",
            Action::Updated => "updated",
            Action::Deleted => "deleted",
        }
    }

    pub(crate) const fn number(self) -> u8 {
        match self {
            Action::Inserted => 1,
            Action::Updated => 2,
            Action::Deleted => 3,
        }
    }
}

impl Session {
    /// The next changes of some kinds. It costs what is answered, not what is passed over.
    ///
    /// # Errors
    /// [`Code::FeedTrimmed`](crate::Code::FeedTrimmed) when changes behind that place are gone, of whatever kind;
    /// [`Code::Validation`](crate::Code::Validation) when the limit is outside 1 to
    /// [`limits::FEED_PAGE`](crate::limits::FEED_PAGE).
    pub fn changes(&self, query: &Query) -> Result<Changes, Error> {
        self.require(Scope::Read)?;
        check_limit(query.limit, limits::FEED_PAGE)?;
        let snapshot = self.snapshot()?;
        let snapshot = &*snapshot;
        let head = head(snapshot)?;
        let (start, passed_over) = match query.from {
            From::Since(instant) => (instant, 0),
            From::After(number) => (start_of_block(snapshot, number)?, number),
        };
        if head.trimmed.is_some_and(|trim| is_before_trim(query.from, trim)) {
            return Err(Error::feed_trimmed(
                oldest(snapshot)?.unwrap_or(Timestamp::from_micros(head.changed_at)),
            ));
        }
        // Of the block that the number lies in, all may have to be passed over.
        let block = if passed_over == 0 { 0 } else { usize::try_from(MARK_EVERY).unwrap_or(usize::MAX) };
        let mut changes = Changes::new();
        for kind in Kind::IN_FEED.into_iter().filter(|kind| query.kinds.contains(kind)) {
            let range = KeyRange::prefix(&spaces::feed_of(kind)).from(spaces::feed(kind, start).successor());
            changes.extend(read(
                snapshot,
                kind,
                &range,
                Direction::Forward,
                query.limit.saturating_add(block),
            )?);
        }
        changes.retain(|change| change.id > passed_over);
        changes.sort_by_key(|change| change.id);
        changes.truncate(query.limit);
        Ok(changes)
    }

    /// The last change in the feed: its number and its instant, 0 and 1970-01-01 before there is one.
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer.
    pub fn last_change(&self) -> Result<(u64, Timestamp), Error> {
        self.require(Scope::Read)?;
        let head = head(&*self.snapshot()?)?;
        Ok((head.number, Timestamp::from_micros(head.changed_at)))
    }

    /// Forgets all changes up to an instant, that one included. Asking for them is an error from the first moment on.
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer; a trim that has begun may be
    /// repeated.
    pub fn trim_changes(&self, upto: Timestamp) -> Result<(), Error> {
        self.require(Scope::Admin)?;
        for kind in Kind::IN_FEED {
            let range = KeyRange::prefix(&spaces::feed_of(kind)).until(spaces::feed(kind, upto).successor());
            loop {
                let mut taken = 0;
                self.write(&WriteOptions::default(), &mut |stage| {
                    note_trim(stage, upto)?;
                    let gone = stage.overlay.scan(&range, Direction::Forward, TRIMMED_AT_ONCE)?;
                    taken = gone.len();
                    gone.into_iter().for_each(|entry| stage.overlay.batch.delete(entry.key));
                    Ok(Answer::Nothing)
                })?;
                if taken < TRIMMED_AT_ONCE {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Notes the last change up to an instant as trimmed, before any is taken away.
fn note_trim(stage: &mut Stage<'_>, upto: Timestamp) -> Result<(), Error> {
    let mut last: Option<Entry> = None;
    for kind in Kind::IN_FEED {
        let range = KeyRange::prefix(&spaces::feed_of(kind)).until(spaces::feed(kind, upto).successor());
        let newest = read(&stage.overlay, kind, &range, Direction::Backward, 1)?;
        last = last.into_iter().chain(newest).max_by_key(|entry| entry.id);
    }
    if let Some(last) = last {
        let trim = TrimV1 { number: last.id, instant: last.changed_at.as_micros() };
        let head = stage.head();
        if head.trimmed.is_none_or(|before| before.number < trim.number) {
            head.trimmed = Some(trim);
        }
    }
    Ok(())
}

fn head(snapshot: &dyn Snapshot) -> Result<HeadV1, StoreError> {
    snapshot.get(&spaces::head())?.map_or_else(|| Ok(HeadV1::default()), |bytes| codec::decode(&bytes))
}

fn is_before_trim(from: From, trim: TrimV1) -> bool {
    match from {
        From::Since(instant) => instant.as_micros() < trim.instant,
        From::After(number) => number < trim.number,
    }
}

/// An instant behind which a change's successors are found, and no more than a block of others.
fn start_of_block(snapshot: &dyn Snapshot, number: u64) -> Result<Timestamp, StoreError> {
    match snapshot.get(&spaces::feed_mark(number / MARK_EVERY))? {
        Some(bytes) => {
            let mark: MarkV1 = codec::decode(&bytes)?;
            Ok(Timestamp::from_micros(mark.instant).plus_micros(-1))
        }
        None if number < MARK_EVERY => Ok(Timestamp::MIN),
        None => Ok(Timestamp::MAX),
    }
}

fn oldest(snapshot: &dyn Snapshot) -> Result<Option<Timestamp>, StoreError> {
    let mut oldest = None;
    for kind in Kind::IN_FEED {
        let first = read(snapshot, kind, &KeyRange::prefix(&spaces::feed_of(kind)), Direction::Forward, 1)?;
        oldest = oldest.into_iter().chain(first.into_iter().map(|entry| entry.changed_at)).min();
    }
    Ok(oldest)
}

fn read(
    snapshot: &dyn Snapshot,
    kind: Kind,
    range: &KeyRange,
    direction: Direction,
    limit: usize,
) -> Result<Changes, StoreError> {
    let prefix = spaces::feed_of(kind);
    let entry = |entry: crate::store::Entry| {
        let damaged = || StoreError::Corrupt { what: format!("the feed of {}", kind.plural()) };
        let wire: FeedEntryV1 = codec::decode(&entry.value)?;
        Ok(Entry {
            id: wire.number,
            entity_type: kind,
            entity_id: Uuid::from_bytes(wire.entity),
            action: Action::ALL
                .into_iter()
                .find(|known| known.number() == wire.action)
                .ok_or_else(damaged)?,
            changed_at: entry.key.after(&prefix).and_then(read_instant).ok_or_else(damaged)?,
            changed_by: wire.changed_by,
        })
    };
    snapshot.scan(range, direction, limit)?.into_iter().map(entry).collect()
}
