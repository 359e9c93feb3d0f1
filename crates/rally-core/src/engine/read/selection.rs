//! Selection of records by filters and search: from indexes, in the order of creation, without reading other records.
//!
//! Several indexes are merged by a leapfrog join (Veldhuizen, 2014): each index in turn seeks its first id that is not
//! less than the last answer, until all agree. So a rare value makes a frequent one cheap, and memory holds a few
//! entries of each index, however long the lists are.

use std::collections::{BTreeSet, VecDeque};

use uuid::Uuid;

use crate::{
    base::{Error, Kind, TenantId, count},
    engine::{
        codec::Slot,
        keys::{self, IndexedValue, damaged_key, id_behind, spaces},
        schema::{Fold, IndexNumber, Member, Model, Record, ValueFaults, text_of, unquote},
    },
    store::{Direction, Entry, Key, KeyRange, Snapshot, StoreError, read_uuid},
};

/// Entries of an index that one scan reads: the first scan, and the largest.
const FEWEST: usize = 128;
const MOST: usize = 4_096;

/// The conditions that all records of a list fulfil.
#[derive(Debug)]
pub(crate) struct Selection<'q> {
    model: &'static Model,
    conditions: &'q [Condition],
    /// The folded text that a name begins with.
    beginning: Option<&'q str>,
}

/// The condition that a member has a value.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Key { slot: Slot, fold: Fold, folded: String },
    Indexed { member: Member, index: IndexNumber, value: IndexedValue },
}

impl Condition {
    /// The condition that a member has a value, given as the JSON text that a record has of it.
    pub(crate) fn of(member: &Member, json: &str) -> Result<Self, ValueFaults> {
        match (member.natural_key, member.slot(), member.index) {
            (Some(fold), Some(slot), _) => {
                let folded = fold(&text_of(json)).ok_or("must not be empty")?;
                Ok(Condition::Key { slot, fold, folded })
            }
            (_, _, Some(index)) => {
                let value = keys::indexed_value(member, json).map_err(|error| error.to_string())?;
                Ok(Condition::Indexed { member: *member, index, value: value.ok_or("must not be empty")? })
            }
            _ => Err("is not a filter here".into()),
        }
    }
}

impl<'q> Selection<'q> {
    /// The selection by some conditions; `None` when that is all records.
    pub(crate) fn of(
        model: &'static Model,
        conditions: &'q [Condition],
        beginning: Option<&'q str>,
    ) -> Option<Self> {
        let is_all = conditions.is_empty() && beginning.is_none();
        if is_all { None } else { Some(Self { model, conditions, beginning }) }
    }

    /// The selected records, in the order of their creation; `None` if more than `most` names would have to be read.
    ///
    /// If one condition alone leaves few records, these are looked at, and the indexes of the other conditions are not
    /// read.
    pub(crate) fn ids<'s>(
        &self,
        tenant: TenantId,
        snapshot: &'s dyn Snapshot,
        most: u64,
    ) -> Result<Option<Ids<'s>>, Error> {
        let is_alone = self.conditions.len() + usize::from(self.beginning.is_some()) == 1;
        let mut streams = Vec::new();
        for condition in self.conditions {
            let mut stream = condition.stream(self.model.kind(), snapshot)?;
            // Looking at the few records of a short stream costs less than joining it: each step of a join may scan
            // every other index.
            if !is_alone && stream.is_short()? {
                return Ok(Some(Ids::of(self.holding(tenant, snapshot, stream.ready.make_contiguous())?)));
            }
            streams.push(stream);
        }
        if let Some(text) = self.beginning {
            let Some(found) = self.found(snapshot, text, most)? else { return Ok(None) };
            let found: Vec<Uuid> = found.into_iter().collect();
            // The index keeps only the beginning of a name, so for a longer text its entries are candidates.
            let is_cut = keys::beginning(text).len() < text.len();
            if is_cut || (!is_alone && found.len() < FEWEST) {
                return Ok(Some(Ids::of(self.holding(tenant, snapshot, &found)?)));
            }
            streams.push(Stream::of(found));
        }
        Ok(Some(Ids::among(streams)))
    }

    /// The records that fulfil the conditions, without regard to names; `None` if there is no condition.
    pub(crate) fn ids_by_values<'s>(
        &self,
        snapshot: &'s dyn Snapshot,
    ) -> Result<Option<Ids<'s>>, StoreError> {
        let kind = self.model.kind();
        let streams = self.conditions.iter().map(|condition| condition.stream(kind, snapshot));
        let streams = streams.collect::<Result<Vec<_>, _>>()?;
        if streams.is_empty() { Ok(None) } else { Ok(Some(Ids::among(streams))) }
    }

    /// True when a record is one of the selected.
    pub(crate) fn holds(&self, record: &Record<'_>) -> Result<bool, StoreError> {
        for condition in self.conditions {
            if !condition.holds(record)? {
                return Ok(false);
            }
        }
        match self.beginning {
            Some(text) => keys::begins(self.model, record, text),
            None => Ok(true),
        }
    }

    /// The records with a name that begins with a text, as far as the index keeps names; `None` if they are more than
    /// `most`.
    fn found(
        &self,
        snapshot: &dyn Snapshot,
        text: &str,
        most: u64,
    ) -> Result<Option<BTreeSet<Uuid>>, StoreError> {
        let kind = self.model.kind();
        let by_name = |entry: &Entry| entry.key.as_bytes().last_chunk::<16>().map(|id| Uuid::from_bytes(*id));
        let by_key = |entry: &Entry| read_uuid(&entry.value);
        // Entries of names are in the order of the names; the join needs them in the order of ids, each once.
        let mut found = BTreeSet::new();
        let mut add = |id: Option<Uuid>| {
            found.extend(id);
            count(found.len()) <= most
        };
        let names = spaces::search(kind, keys::beginning(text));
        let mut is_whole = read_while(snapshot, &names, |entry| add(by_name(entry)))?;
        // A name that is the natural key itself has no entry among the names: see `keys::index`.
        for (slot, ..) in self.model.natural_keys().filter(|(_, member, _)| member.searched) {
            let keys = spaces::unique(kind, slot, text);
            is_whole = is_whole && read_while(snapshot, &keys, |entry| add(by_key(entry)))?;
        }
        if is_whole { Ok(Some(found)) } else { Ok(None) }
    }

    /// The selected ones of some records, found by looking at each.
    fn holding(&self, tenant: TenantId, snapshot: &dyn Snapshot, ids: &[Uuid]) -> Result<Vec<Uuid>, Error> {
        let mut holding = Vec::new();
        for ids in ids.chunks(MOST) {
            let keys: Vec<Key> = ids.iter().map(|id| spaces::record(self.model.kind(), *id)).collect();
            for (id, bytes) in ids.iter().zip(snapshot.get_many(&keys)?) {
                let bytes = bytes.ok_or_else(damaged_key)?;
                if self.holds(&Record::read(tenant, *id, &bytes)?)? {
                    holding.push(*id);
                }
            }
        }
        Ok(holding)
    }
}

impl Condition {
    fn stream<'s>(&self, kind: Kind, snapshot: &'s dyn Snapshot) -> Result<Stream<'s>, StoreError> {
        match self {
            Self::Key { slot, folded, .. } => {
                let owner = snapshot.get(&spaces::unique(kind, *slot, folded))?;
                let damaged = || StoreError::Corrupt { what: format!("a natural key of {}", kind.plural()) };
                let owner = owner.map(|id| read_uuid(&id).ok_or_else(damaged)).transpose()?;
                Ok(Stream::of(owner))
            }
            Self::Indexed { index, value, .. } => {
                Ok(Stream::on(snapshot, spaces::indexed(kind, *index, *value)))
            }
        }
    }

    fn holds(&self, record: &Record<'_>) -> Result<bool, StoreError> {
        match self {
            Self::Key { slot, fold, folded } => {
                Ok(fold(&unquote(record.slot(*slot))?).as_ref() == Some(folded))
            }
            Self::Indexed { member, value, .. } => keys::has_value(member, record, *value),
        }
    }
}

/// Looks at the entries whose key begins with `prefix`, until `look` refuses one; true when it refuses none.
fn read_while(
    snapshot: &dyn Snapshot,
    prefix: &Key,
    mut look: impl FnMut(&Entry) -> bool,
) -> Result<bool, StoreError> {
    let (mut range, mut size) = (KeyRange::prefix(prefix), FEWEST);
    loop {
        let entries = snapshot.scan(&range, Direction::Forward, size)?;
        if !entries.iter().all(&mut look) {
            return Ok(false);
        }
        match entries.last() {
            Some(last) if entries.len() == size => range = range.from(last.key.successor()),
            _ => return Ok(true),
        }
        size = (size * 2).min(MOST);
    }
}

/// Ids that are in each of several indexes: their leapfrog join.
pub(crate) struct Ids<'s> {
    streams: Vec<Stream<'s>>,
    least: Uuid,
    /// Entries that may still be read.
    left: u64,
    /// True when entries were left unread because of `left`.
    is_cut: bool,
}

impl<'s> Ids<'s> {
    /// Ids that are known already, ascending.
    fn of(ids: Vec<Uuid>) -> Self {
        Self::among(vec![Stream::of(ids)])
    }

    fn among(streams: Vec<Stream<'s>>) -> Self {
        Self { streams, least: Uuid::nil(), left: u64::MAX, is_cut: false }
    }

    /// The ids that one index has under one value.
    pub(crate) fn indexed(
        snapshot: &'s dyn Snapshot,
        kind: Kind,
        index: IndexNumber,
        value: IndexedValue,
    ) -> Self {
        Self::among(vec![Stream::on(snapshot, spaces::indexed(kind, index, value))])
    }

    /// Leaves out the ids up to one.
    pub(crate) fn start_after(&mut self, id: Option<Uuid>) {
        if let Some(id) = id {
            self.least = self.least.max(following(id));
        }
    }

    /// The next ids, at most `most`.
    pub(crate) fn next_many(&mut self, most: usize) -> Result<Vec<Uuid>, StoreError> {
        let mut ids = Vec::new();
        while ids.len() < most
            && let Some(id) = self.next()?
        {
            ids.push(id);
        }
        Ok(ids)
    }

    /// The next id that all indexes agree on.
    pub(crate) fn next(&mut self) -> Result<Option<Uuid>, StoreError> {
        let (mut candidate, mut agreed, all) = (self.least, 0, self.streams.len());
        while agreed < all {
            for stream in &mut self.streams {
                let Some(id) = stream.seek(candidate, &mut self.left)? else {
                    self.is_cut |= self.left == 0;
                    return Ok(None);
                };
                agreed = if id == candidate { agreed + 1 } else { 1 };
                candidate = id;
            }
        }
        self.least = following(candidate);
        Ok(Some(candidate))
    }

    /// All ids; `None` if that takes reading more than about `most` entries.
    pub(crate) fn at_most(mut self, most: u64) -> Result<Option<Vec<Uuid>>, StoreError> {
        // A scan reads at least `FEWEST` entries at once, so a smaller allowance would cut lists that are within
        // `most`.
        self.left = most.saturating_add(count(FEWEST));
        let mut ids = Vec::new();
        while let Some(id) = self.next()? {
            ids.push(id);
        }
        if self.is_cut { Ok(None) } else { Ok(Some(ids)) }
    }
}

/// The least id that is greater than one; the greatest of all stands for itself, and no record has it.
fn following(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_add(1))
}

/// Ascending ids, read from an index or known already.
struct Stream<'s> {
    /// Ids that have been read.
    ready: VecDeque<Uuid>,
    /// The part of the index that has not been read.
    rest: Option<UnreadIndex<'s>>,
}

struct UnreadIndex<'s> {
    snapshot: &'s dyn Snapshot,
    prefix: Key,
    from: Key,
    size: usize,
}

impl<'s> Stream<'s> {
    fn of(ids: impl IntoIterator<Item = Uuid>) -> Self {
        Self { ready: ids.into_iter().collect(), rest: None }
    }

    fn on(snapshot: &'s dyn Snapshot, prefix: Key) -> Self {
        let from = prefix.clone();
        Self { ready: VecDeque::new(), rest: Some(UnreadIndex { snapshot, prefix, from, size: FEWEST }) }
    }

    /// True when the stream ends within its first scan.
    fn is_short(&mut self) -> Result<bool, StoreError> {
        let mut left = u64::MAX;
        self.seek(Uuid::nil(), &mut left)?;
        Ok(self.rest.is_none())
    }

    /// The first id that is not less than `least`, without taking it; `None` at the end, or if no entry may be read
    /// any more.
    fn seek(&mut self, least: Uuid, left: &mut u64) -> Result<Option<Uuid>, StoreError> {
        loop {
            let passed = self.ready.partition_point(|id| *id < least);
            self.ready.drain(..passed);
            match (self.ready.front(), &mut self.rest) {
                (Some(id), _) => return Ok(Some(*id)),
                (None, None) => return Ok(None),
                (None, Some(_)) if *left == 0 => return Ok(None),
                (None, Some(rest)) => {
                    let (ids, is_last) = rest.read(least)?;
                    *left = left.saturating_sub(count(ids.len()));
                    self.ready.extend(ids);
                    if is_last {
                        self.rest = None;
                    }
                }
            }
        }
    }
}

impl UnreadIndex<'_> {
    fn read(&mut self, least: Uuid) -> Result<(Vec<Uuid>, bool), StoreError> {
        let from = self.from.clone().max(self.prefix.clone().uuid(least));
        let range = KeyRange::prefix(&self.prefix).from(from);
        let entries = self.snapshot.scan(&range, Direction::Forward, self.size)?;
        let is_last = entries.len() < self.size;
        if let Some(last) = entries.last() {
            self.from = last.key.successor();
        }
        self.size = (self.size * 2).min(MOST);
        let ids = entries.iter().map(|entry| id_behind(&entry.key, &self.prefix));
        Ok((ids.collect::<Result<_, _>>()?, is_last))
    }
}
