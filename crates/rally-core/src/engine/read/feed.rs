//! The feed of a tenant's changes. Numbers and instants both strictly increase in commit order, and a change is never
//! visible before all earlier ones, so a reader that goes on from the last instant or number misses and repeats nothing.

use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::{
    epoch::{FeedEpoch, Standing},
    list_query::check_limit,
};
use crate::{
    base::{Action, Error, Kind, TenantId, Timestamp, clamp, limits},
    engine::{
        codec::{self, FeedEntryV1, HeadV1, MarkV1, TrimV1},
        keys::{MARK_EVERY, spaces},
    },
    store::{Direction, KeyRange, Snapshot, StoreError, read_instant},
};

/// The part of the feed that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedQuery {
    /// The position to continue from.
    pub from: FeedPosition,
    /// The kinds to include. A kind that is not in the feed has no changes.
    pub kinds: Vec<Kind>,
    /// The most entries to return; 1 to [`limits::FEED_PAGE`](crate::limits::FEED_PAGE).
    pub limit: usize,
    /// The epoch in which the position was told, if the reader knows it. If it has ended, and the position is that of a change
    /// which may be lost, the feed is refused.
    pub epoch: Option<FeedEpoch>,
}

/// Part of the feed at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// The epoch of the changes, which a reader keeps with its position.
    pub epoch: FeedEpoch,
    /// The changes, oldest first.
    pub changes: Vec<FeedEntry>,
}

/// A position in the feed, after which reading continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedPosition {
    /// After this instant.
    Since(Timestamp),
    /// After the change with this number; 0 is before the first.
    After(u64),
}

impl FeedPosition {
    /// Before the first change.
    pub const START: FeedPosition = FeedPosition::After(0);
}

/// A change of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedEntry {
    /// The number of the change: 1 for a tenant's first, then one more each time.
    pub id: u64,
    /// The kind of record.
    #[serde(serialize_with = "noun")]
    pub entity_type: Kind,
    /// The record.
    pub entity_id: Uuid,
    /// The action on it.
    pub action: Action,
    /// The instant of the change: the record's `updatedAt` until its next one.
    pub changed_at: Timestamp,
    /// The caller: a user's e-mail, `apikey:` and the key's name, or a host's name.
    pub changed_by: Option<String>,
}

fn noun<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.noun())
}

/// The next changes of some kinds. The cost grows with the entries returned, not with those of other kinds.
pub(crate) fn changes(
    snapshot: &dyn Snapshot,
    tenant: TenantId,
    query: &FeedQuery,
) -> Result<FeedPage, Error> {
    check_limit(query.limit, limits::FEED_PAGE)?;
    let standing = Standing::read(snapshot, tenant)?;
    if standing.has_lost(query.from, query.epoch) {
        return Err(Error::feed_reset());
    }
    let (head, epoch) = (standing.head, standing.epoch);
    let (start, passed_over) = match query.from {
        FeedPosition::Since(instant) => (instant, 0),
        FeedPosition::After(number) => (start_of_block(snapshot, number)?, number),
    };
    if head.trimmed.is_some_and(|trim| is_before_trim(query.from, trim)) {
        let end = Timestamp::from_micros(head.changed_at);
        return Err(Error::feed_trimmed(oldest(snapshot)?.unwrap_or(end)));
    }
    // Of the block that the number lies in, all may have to be passed over.
    let block = if passed_over == 0 { 0 } else { clamp(MARK_EVERY) };
    let most = query.limit.saturating_add(block);
    let mut changes = Vec::new();
    for kind in Kind::IN_FEED.iter().filter(|kind| query.kinds.contains(kind)) {
        let range = KeyRange::prefix(&spaces::feed_of(*kind)).from(spaces::feed(*kind, start).successor());
        changes.extend(read(snapshot, *kind, &range, Direction::Forward, most)?);
    }
    changes.retain(|change| change.id > passed_over);
    changes.sort_by_key(|change| change.id);
    changes.truncate(query.limit);
    Ok(FeedPage { epoch, changes })
}

/// The epoch of the feed.
pub(crate) fn feed_epoch(snapshot: &dyn Snapshot, tenant: TenantId) -> Result<FeedEpoch, StoreError> {
    Ok(FeedEpoch::of(tenant, &head(snapshot)?))
}

/// The last change in the feed: its number and its instant.
pub(crate) fn last_change(snapshot: &dyn Snapshot) -> Result<(u64, Timestamp), StoreError> {
    let head = head(snapshot)?;
    Ok((head.number, Timestamp::from_micros(head.changed_at)))
}

/// The change of a record of a kind that has a number.
pub(super) fn numbered(
    snapshot: &dyn Snapshot,
    kind: Kind,
    number: u64,
) -> Result<Option<FeedEntryV1>, StoreError> {
    let start = spaces::feed(kind, start_of_block(snapshot, number)?).successor();
    let range = KeyRange::prefix(&spaces::feed_of(kind)).from(start);
    for entry in snapshot.scan(&range, Direction::Forward, clamp(MARK_EVERY))? {
        let entry: FeedEntryV1 = codec::decode(&entry.value)?;
        if entry.number == number {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// True when the change with a number is one that the feed was trimmed of.
pub(super) fn is_trimmed(snapshot: &dyn Snapshot, number: u64) -> Result<bool, StoreError> {
    Ok(head(snapshot)?.trimmed.is_some_and(|trim| number <= trim.number))
}

fn head(snapshot: &dyn Snapshot) -> Result<HeadV1, StoreError> {
    snapshot.get(&spaces::head())?.map_or_else(|| Ok(HeadV1::default()), |bytes| codec::decode(&bytes))
}

fn is_before_trim(from: FeedPosition, trim: TrimV1) -> bool {
    match from {
        FeedPosition::Since(instant) => instant.as_micros() < trim.instant,
        FeedPosition::After(number) => number < trim.number,
    }
}

/// An instant behind which lie the changes after a number, and at most one block of others.
fn start_of_block(snapshot: &dyn Snapshot, number: u64) -> Result<Timestamp, StoreError> {
    match snapshot.get(&spaces::feed_mark(number / MARK_EVERY))? {
        Some(bytes) => {
            let mark: MarkV1 = codec::decode(&bytes)?;
            Ok(Timestamp::from_micros(mark.instant).plus_micros(-1))
        }
        None if number < MARK_EVERY => Ok(Timestamp::MIN),
        // Numbers that were passed over have no mark of their own.
        None => {
            let before =
                KeyRange::prefix(&spaces::feed_marks()).until(spaces::feed_mark(number / MARK_EVERY));
            match snapshot.scan(&before, Direction::Backward, 1)?.first() {
                Some(entry) => {
                    let mark: MarkV1 = codec::decode(&entry.value)?;
                    Ok(Timestamp::from_micros(mark.instant).plus_micros(-1))
                }
                None => Ok(Timestamp::MIN),
            }
        }
    }
}

fn oldest(snapshot: &dyn Snapshot) -> Result<Option<Timestamp>, StoreError> {
    let mut oldest = None;
    for kind in Kind::IN_FEED {
        let range = KeyRange::prefix(&spaces::feed_of(*kind));
        let first = read(snapshot, *kind, &range, Direction::Forward, 1)?;
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
) -> Result<Vec<FeedEntry>, StoreError> {
    let prefix = spaces::feed_of(kind);
    let entry = |entry: crate::store::Entry| {
        let damaged = || StoreError::Corrupt { what: format!("the feed of {}", kind.plural()) };
        let wire: FeedEntryV1 = codec::decode(&entry.value)?;
        let changed_at = entry.key.after(&prefix).and_then(read_instant).ok_or_else(damaged)?;
        Ok(FeedEntry {
            id: wire.number,
            entity_type: kind,
            entity_id: wire.entity(changed_at)?,
            action: Action::from_number(wire.action).ok_or_else(damaged)?,
            changed_at,
            changed_by: wire.changed_by,
        })
    };
    snapshot.scan(range, direction, limit)?.into_iter().map(entry).collect()
}
