//! The history of a record: its changes from the newest down, each with what it changed.
//!
//! A change keeps what the record was before it, and no more (`write/consequences`), so the history is read downwards
//! from a version that is known whole: the record itself, its last state before it was deleted, or one of the versions
//! that are kept whole at intervals. A page reads the rows of its own changes and at most one interval besides.

use uuid::Uuid;

use super::{
    feed::{self, numbered},
    list_query::check_limit,
    reader::Page,
};
use crate::{
    base::{Action, Error, Faults, RecordNumber, Timestamp, clamp, limits},
    engine::{
        codec::{self, Bytes, FeedEntryV1, FormerState, FormerV1, RecordHead, RecordParts, Slot},
        keys::{WHOLE_EVERY, spaces},
        schema::{Member, Model, read_stored},
    },
    store::{Direction, Entry, Key, KeyRange, Snapshot, StoreError},
};

/// The part of a record's history that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The most changes of the page; 1 to [`limits::PAGE`].
    pub limit: usize,
    /// Only changes before the one with this number in the feed, which is one of the record's.
    pub after: Option<u64>,
    /// Changes to skip first, of those before `after`.
    pub offset: u64,
    /// True to count the changes of the whole history.
    pub count: bool,
}

impl Default for HistoryQuery {
    fn default() -> Self {
        Self { limit: limits::PAGE, after: None, offset: 0, count: false }
    }
}

/// A change of a record, with what it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The number of the change in the feed.
    pub id: u64,
    /// The action on the record.
    pub action: Action,
    /// The instant of the change.
    pub changed_at: Timestamp,
    /// The caller: a user's e-mail, `apikey:` and the key's name, or a host's name.
    pub changed_by: Option<String>,
    /// The members that have another value since: of a new record all that have a value, of a deleted one all that had
    /// one. A deal's qualification has its members under names such as `bant.budget`.
    pub changes: Vec<MemberChange>,
    /// Whole seconds for which a deal had been in the stage that this change moved it out of.
    pub seconds_in_stage: Option<u64>,
}

/// A member's value before and after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberChange {
    /// The name of the member.
    pub member: &'static str,
    from: Box<str>,
    to: Box<str>,
}

impl HistoryEntry {
    /// The change of a member, if this changed it.
    #[must_use]
    pub fn change_of(&self, member: &str) -> Option<&MemberChange> {
        self.changes.iter().find(|change| change.member == member)
    }
}

impl MemberChange {
    /// The JSON text of the value before; `null` for none.
    #[must_use]
    pub fn from_json(&self) -> &str {
        &self.from
    }

    /// The JSON text of the value after; `null` for none.
    #[must_use]
    pub fn to_json(&self) -> &str {
        &self.to
    }

    /// The value before.
    ///
    /// # Errors
    /// [`Code::Internal`](crate::Code::Internal) when it is no `T`.
    pub fn from<T: serde::de::DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        Ok(read_stored(self.from.as_bytes(), self.member)?)
    }

    /// The value after.
    ///
    /// # Errors
    /// [`Code::Internal`](crate::Code::Internal) when it is no `T`.
    pub fn to<T: serde::de::DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        Ok(read_stored(self.to.as_bytes(), self.member)?)
    }
}

/// Part of the history of a record, or of one that was deleted.
pub(crate) fn history(
    snapshot: &dyn Snapshot,
    model: &Model,
    id: Uuid,
    query: &HistoryQuery,
) -> Result<Page<HistoryEntry>, Error> {
    check_limit(query.limit, limits::PAGE)?;
    let past = Past::find(snapshot, model, id)?;
    let mut page = match past.first_asked(query)? {
        0 => Page { records: Vec::new(), has_more: false, total: None, end: None },
        first => past.page(first, query.limit)?,
    };
    if query.count {
        page.total = Some(past.total()?);
    }
    Ok(page)
}

/// The change of a record that has a number in the feed; `None` if the feed was trimmed up to there.
pub(crate) fn change_numbered(
    snapshot: &dyn Snapshot,
    model: &Model,
    id: Uuid,
    number: u64,
) -> Result<Option<HistoryEntry>, Error> {
    let past = Past::find(snapshot, model, id)?;
    match past.version_numbered(number)? {
        0 => Ok(None),
        version => Ok(past.page(version, 1)?.records.into_iter().next()),
    }
}

/// A record's past. Version 1 is the new record; each change makes the next, a deletion too.
struct Past<'s> {
    snapshot: &'s dyn Snapshot,
    model: &'s Model,
    id: Uuid,
    created_at: Timestamp,
    newest: u32,
    /// The state that the newest change left; `None` if that was the deletion.
    now: Option<State>,
}

/// The JSON text of each stored member at one moment, by slot; empty without a value.
#[derive(Clone)]
struct State(Vec<Vec<u8>>);

/// The members that one change changed.
struct Step {
    at: Timestamp,
    changes: Vec<MemberChange>,
    seconds_in_stage: Option<u64>,
}

impl<'s> Past<'s> {
    fn find(snapshot: &'s dyn Snapshot, model: &'s Model, id: Uuid) -> Result<Self, Error> {
        let kind = model.kind();
        if let Some(record) = snapshot.get(&spaces::record(kind, id))? {
            let parts = RecordParts::read(&record)?;
            if !parts.head.is_of(id) {
                return Err(Error::not_found(kind.noun()));
            }
            let RecordHead { created_at, version: newest, .. } = parts.head;
            let now = Some(State::of(&parts));
            return Ok(Self { snapshot, model, id, created_at, newest, now });
        }
        let all = spaces::former_of(kind, id);
        let last = snapshot.scan(&KeyRange::prefix(&all), Direction::Backward, 1)?.pop();
        let last = last.ok_or_else(|| Error::not_found(kind.noun()))?;
        let FormerState::Whole(record) = codec::decode::<FormerV1>(&last.value)?.state else {
            return Err(damaged(model).into());
        };
        let created_at = RecordHead::read(&record)?.created_at;
        let newest = version_of(&last.key, &all).ok_or_else(|| damaged(model))?;
        Ok(Self { snapshot, model, id, created_at, newest, now: None })
    }

    /// The version that the first change of the page made; 0 for an empty page.
    fn first_asked(&self, query: &HistoryQuery) -> Result<u32, Error> {
        let last = match query.after {
            Some(number) => self.version_numbered(number)?.saturating_sub(1),
            None => self.newest,
        };
        Ok(u32::try_from(u64::from(last).saturating_sub(query.offset)).unwrap_or_default())
    }

    /// The version that the change with a number made; 0 if the feed was trimmed up to there.
    fn version_numbered(&self, number: u64) -> Result<u32, Error> {
        if feed::is_trimmed(self.snapshot, number)? {
            return Ok(0);
        }
        let entry = numbered(self.snapshot, self.model.kind(), number)?;
        let own = entry.filter(|entry| entry.record == RecordNumber::of(self.id).get());
        let unknown = || Error::from(Faults::one("after", "must be the id of a change of this record"));
        own.map(|entry| entry.version).ok_or_else(unknown)
    }

    fn page(&self, first: u32, limit: usize) -> Result<Page<HistoryEntry>, Error> {
        let steps = self.steps(first, limit + 1)?;
        let keys: Vec<Key> = steps.iter().map(|step| spaces::feed(self.model.kind(), step.at)).collect();
        let mut entries = Vec::with_capacity(steps.len());
        for (step, told) in steps.into_iter().zip(self.snapshot.get_many(&keys)?) {
            match told {
                Some(told) => entries.push(self.entry(step, &told)?),
                // A new record has no row of its own, so this is how a trim of the feed shows.
                None if step.at == self.created_at => break,
                None => return Err(damaged(self.model).into()),
            }
        }
        let has_more = entries.len() > limit;
        entries.truncate(limit);
        Ok(Page { records: entries, has_more, total: None, end: None })
    }

    fn entry(&self, step: Step, told: &Bytes) -> Result<HistoryEntry, Error> {
        let told: FeedEntryV1 = codec::decode(told)?;
        Ok(HistoryEntry {
            id: told.number,
            action: Action::from_number(told.action).ok_or_else(|| damaged(self.model))?,
            changed_at: step.at,
            changed_by: told.changed_by,
            changes: step.changes,
            seconds_in_stage: step.seconds_in_stage,
        })
    }

    /// At most `most` changes, from the one that made a version down.
    fn steps(&self, first: u32, most: usize) -> Result<Vec<Step>, Error> {
        let top = self.newest.min((first.saturating_add(1)).next_multiple_of(WHOLE_EVERY));
        let rows = self.rows(top, clamp(u64::from(top - first)).saturating_add(most))?;
        let known = self.now.as_ref().filter(|_| top == self.newest);
        let (mut after, mut version) = (known.cloned(), top);
        let mut steps = Vec::new();
        for row in rows {
            let row = self.former(&row, version)?;
            let before = self.undone(after.as_ref(), row.state)?;
            if version <= first {
                let at = Timestamp::from_micros(row.changed_at);
                steps.push(self.step(at, Some(&before), after.as_ref())?);
            }
            (after, version) = (Some(before), version - 1);
        }
        if version == 1 && steps.len() < most {
            steps.push(self.step(self.created_at, None, after.as_ref())?);
        }
        Ok(steps)
    }

    /// At most `most` kept rows, from a version down.
    fn rows(&self, top: u32, most: usize) -> Result<Vec<Entry>, StoreError> {
        let kind = self.model.kind();
        let range = KeyRange::prefix(&spaces::former_of(kind, self.id));
        let range = range.until(spaces::former(kind, self.id, top).successor());
        self.snapshot.scan(&range, Direction::Backward, most)
    }

    /// The row of a change, which must be the one that made this version: none is left out.
    fn former(&self, entry: &Entry, version: u32) -> Result<FormerV1, StoreError> {
        let all = spaces::former_of(self.model.kind(), self.id);
        if version_of(&entry.key, &all) != Some(version) {
            return Err(damaged(self.model));
        }
        codec::decode(&entry.value)
    }

    /// The state before a change.
    fn undone(&self, after: Option<&State>, former: FormerState) -> Result<State, StoreError> {
        let changed = match former {
            FormerState::Whole(record) => return Ok(State::of(&RecordParts::read(&record)?)),
            FormerState::Changed(changed) => changed,
        };
        let mut before = after.cloned().ok_or_else(|| damaged(self.model))?;
        for (slot, text) in changed {
            *before.0.get_mut(usize::from(slot)).ok_or_else(|| damaged(self.model))? = text;
        }
        Ok(before)
    }

    fn step(&self, at: Timestamp, before: Option<&State>, after: Option<&State>) -> Result<Step, StoreError> {
        let (mut changes, mut seconds_in_stage) = (Vec::new(), None);
        for (slot, member, name) in self.model.told() {
            let (was, is) = (text(before, slot), text(after, slot));
            if was == is {
                continue;
            }
            let (from, to) = (json(member, before, was)?, json(member, after, is)?);
            changes.push(MemberChange { member: name, from, to });
            if let (Some(since), Some(before), Some(_)) = (member.since, before, after) {
                seconds_in_stage = Some(self.seconds(text(Some(before), since), at)?);
            }
        }
        Ok(Step { at, changes, seconds_in_stage })
    }

    /// Whole seconds from the instant that a slot keeps to another; from the creation of the record, if it keeps none.
    fn seconds(&self, since: &[u8], at: Timestamp) -> Result<u64, StoreError> {
        let since = if since.is_empty() { self.created_at } else { read_stored(since, "an instant")? };
        let micros = at.as_micros().saturating_sub(since.as_micros());
        Ok(u64::try_from(micros / 1_000_000).unwrap_or_default())
    }

    /// The number of all changes that are kept.
    fn total(&self) -> Result<u64, Error> {
        let kind = self.model.kind();
        let all = spaces::former_of(kind, self.id);
        let oldest = self.snapshot.scan(&KeyRange::prefix(&all), Direction::Forward, 1)?.pop();
        let oldest = match oldest {
            Some(oldest) => version_of(&oldest.key, &all).ok_or_else(|| damaged(self.model))?,
            None => self.newest.saturating_add(1),
        };
        let is_first_kept = oldest == 2 && self.snapshot.get(&spaces::feed(kind, self.created_at))?.is_some();
        Ok(u64::from(self.newest).saturating_add(1).saturating_sub(oldest.into()) + u64::from(is_first_kept))
    }
}

impl State {
    fn of(parts: &RecordParts<'_>) -> Self {
        Self(parts.slots().map(<[u8]>::to_vec).collect())
    }
}

/// The JSON text of a member, empty without a value or without a record.
fn text(state: Option<&State>, slot: Slot) -> &[u8] {
    state.and_then(|state| state.0.get(slot.index())).map_or(b"", Vec::as_slice)
}

/// A member's value as callers see it.
fn json(member: &Member, state: Option<&State>, text: &[u8]) -> Result<Box<str>, StoreError> {
    let default = member.default.filter(|_| state.is_some()).unwrap_or("null");
    match std::str::from_utf8(text) {
        Ok("") => Ok(default.into()),
        Ok(text) => Ok(text.into()),
        Err(_) => Err(StoreError::Corrupt { what: format!("the member {}", member.name) }),
    }
}

/// The version at the end of a row's key.
fn version_of(key: &Key, all: &Key) -> Option<u32> {
    key.after(all)?.try_into().ok().map(u32::from_be_bytes)
}

fn damaged(model: &Model) -> StoreError {
    StoreError::Corrupt { what: format!("the history of a {}", model.kind()) }
}
