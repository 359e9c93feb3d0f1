//! The records that a list is narrowed to: read from indexes, in the order of their creation, without looking at any
//! other.

use std::collections::{BTreeSet, VecDeque};

use uuid::Uuid;

use super::{
    Member, Model, Profile, Record,
    collection::damaged_key,
    index,
    list::ListQuery,
    member::Fold,
    rule::{self, Rule, Wrong},
    spaces,
    spaces::Term,
    stage::Of,
};
use crate::{
    base::{Error, Faults, Kind, TenantId, limits},
    store::{Direction, Entry, Key, KeyRange, Snapshot, StoreError, read_uuid},
};

/// Entries that are read of an index at first, and at the most.
const FEWEST: usize = 128;
const MOST: usize = 4_096;

/// What all records of a list have in common.
#[derive(Debug)]
pub(crate) struct Selection {
    of: Of,
    conditions: Vec<Condition>,
    /// What a name begins with, folded.
    beginning: Option<String>,
}

/// A value that a member has.
#[derive(Debug)]
enum Condition {
    Key { slot: u8, fold: Fold, folded: String },
    Term { member: Member, index: u8, term: Term },
}

impl Selection {
    /// What a query narrows a list to; nothing when that is all of it.
    ///
    /// # Errors
    /// [`Code::Validation`](crate::Code::Validation) for parameters that the resource does not have, and values that the
    /// member could not have.
    pub(crate) fn of(of: Of, query: &ListQuery) -> Result<Option<Self>, Error> {
        let (mut conditions, mut faults) = (Vec::new(), Faults::new());
        for (parameter, value) in &query.filters {
            match condition(of.model, parameter, value) {
                Ok(condition) => conditions.push(condition),
                Err(wrong) => faults.add_all(parameter, wrong.into_faults()),
            }
        }
        let beginning = query.search.as_deref().map_or(Ok(None), searched).unwrap_or_else(|wrong| {
            faults.add_all("q", wrong.into_faults());
            None
        });
        if beginning.is_some() && !of.model.is_searched() {
            faults.add("q", "is not a parameter here");
        }
        faults.into_result()?;
        let selection = Self { of, conditions, beginning };
        let is_all = selection.conditions.is_empty() && selection.beginning.is_none();
        Ok((!is_all).then_some(selection))
    }

    /// The selected records, in the order of their creation; nothing if more than `most` names would have to be read.
    ///
    /// Where one condition alone leaves few records, these are looked at, and what else is asked for is not read.
    pub(crate) fn ids<'s>(
        &self,
        tenant: TenantId,
        snapshot: &'s dyn Snapshot,
        most: u64,
    ) -> Result<Option<Ids<'s>>, Error> {
        let is_alone = self.conditions.len() + usize::from(self.beginning.is_some()) == 1;
        let mut streams = Vec::new();
        for condition in &self.conditions {
            let mut stream = condition.stream(self.of.kind, snapshot)?;
            if !is_alone && stream.is_short()? {
                return Ok(Some(Ids::of(self.holding(tenant, snapshot, stream.ready.make_contiguous())?)));
            }
            streams.push(stream);
        }
        if let Some(text) = &self.beginning {
            let Some(found) = self.found(snapshot, text, most)? else { return Ok(None) };
            let found: Vec<Uuid> = found.into_iter().collect();
            let is_cut = index::beginning(text).len() < text.len();
            if is_cut || (!is_alone && found.len() < FEWEST) {
                return Ok(Some(Ids::of(self.holding(tenant, snapshot, &found)?)));
            }
            streams.push(Stream::of(found));
        }
        Ok(Some(Ids::among(streams)))
    }

    /// The records that have the values asked for, whatever their names; nothing if no value is asked for.
    pub(crate) fn ids_by_values<'s>(
        &self,
        snapshot: &'s dyn Snapshot,
    ) -> Result<Option<Ids<'s>>, StoreError> {
        let streams = self.conditions.iter().map(|condition| condition.stream(self.of.kind, snapshot));
        let streams = streams.collect::<Result<Vec<_>, _>>()?;
        Ok((!streams.is_empty()).then(|| Ids::among(streams)))
    }

    /// Whether a record is one of them.
    pub(crate) fn holds(&self, record: &Record<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.holds(record))
            && self.beginning.as_ref().is_none_or(|text| index::begins(self.of.model, record, text))
    }

    /// The records of which a name begins with a text as far as the index keeps it, unless there are more than so many.
    fn found(
        &self,
        snapshot: &dyn Snapshot,
        text: &str,
        most: u64,
    ) -> Result<Option<BTreeSet<Uuid>>, StoreError> {
        let kind = self.of.kind;
        let by_name = |entry: &Entry| entry.key.as_bytes().last_chunk::<16>().map(|id| Uuid::from_bytes(*id));
        let by_key = |entry: &Entry| read_uuid(&entry.value);
        let mut found = BTreeSet::new();
        let mut add = |id: Option<Uuid>| {
            found.extend(id);
            u64::try_from(found.len()).is_ok_and(|count| count <= most)
        };
        let names = spaces::search(kind, index::beginning(text));
        let mut is_whole = read_while(snapshot, &names, |entry| add(by_name(entry)))?;
        for (slot, ..) in self.of.model.natural_keys().filter(|(_, member, _)| member.searched) {
            let keys = spaces::unique(kind, slot, text);
            is_whole = is_whole && read_while(snapshot, &keys, |entry| add(by_key(entry)))?;
        }
        Ok(is_whole.then_some(found))
    }

    /// Those of some records that are selected, found by looking at each.
    fn holding(&self, tenant: TenantId, snapshot: &dyn Snapshot, ids: &[Uuid]) -> Result<Vec<Uuid>, Error> {
        let mut holding = Vec::new();
        for ids in ids.chunks(MOST) {
            let keys: Vec<Key> = ids.iter().map(|id| spaces::record(self.of.kind, *id)).collect();
            for (id, bytes) in ids.iter().zip(snapshot.get_many(&keys)?) {
                let bytes = bytes.ok_or_else(damaged_key)?;
                let is_held = self.holds(&Record::read(tenant, *id, &bytes)?);
                holding.extend(is_held.then_some(*id));
            }
        }
        Ok(holding)
    }
}

/// Checks and folds what names are to begin with.
fn searched(text: &str) -> Result<Option<String>, Wrong> {
    const NAME: Rule = Rule::Text { characters: limits::SHORT_TEXT };
    let raw = rule::quote(text);
    let folded = index::fold(&rule::unquote(NAME.read(&raw, Profile::Strict)?.as_bytes()));
    Ok((!folded.is_empty()).then_some(folded))
}

/// Checks and reads one parameter of a list.
fn condition(model: &Model, parameter: &str, value: &str) -> Result<Condition, Wrong> {
    let member = model.filters().find(|(name, _)| *name == parameter).map(|(_, member)| member);
    let member = member.ok_or("is not a parameter here")?;
    let json = index::asked(member, value)?;
    match (member.natural_key, member.slot(), member.index) {
        (Some(fold), Some(slot), _) => {
            let folded = fold(&rule::unquote(json.as_bytes())).ok_or("must not be empty")?;
            Ok(Condition::Key { slot, fold, folded })
        }
        (_, _, Some(index)) => {
            let term = index::term(member, &json).ok_or("must not be empty")?;
            Ok(Condition::Term { member: *member, index, term })
        }
        _ => Err("is not a parameter here".into()),
    }
}

impl Condition {
    fn stream<'s>(&self, kind: Kind, snapshot: &'s dyn Snapshot) -> Result<Stream<'s>, StoreError> {
        match self {
            Self::Key { slot, folded, .. } => {
                let owner = snapshot.get(&spaces::unique(kind, *slot, folded))?;
                Ok(Stream::of(owner.and_then(|id| read_uuid(&id))))
            }
            Self::Term { index, term, .. } => Ok(Stream::on(snapshot, spaces::indexed(kind, *index, *term))),
        }
    }

    fn holds(&self, record: &Record<'_>) -> bool {
        match self {
            Self::Key { slot, fold, folded } => {
                fold(&rule::unquote(record.slot(*slot))).as_ref() == Some(folded)
            }
            Self::Term { member, term, .. } => index::has_term(member, record, *term),
        }
    }
}

/// Looks at all that begins with a key, as long as it is wanted; whether that was all.
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

/// Ids that stand in every one of several indexes.
pub(crate) struct Ids<'s> {
    streams: Vec<Stream<'s>>,
    least: Uuid,
    /// Entries that may still be read, and whether more would have had to be.
    left: u64,
    is_cut: bool,
}

impl<'s> Ids<'s> {
    /// Some that are known, ascending.
    fn of(ids: Vec<Uuid>) -> Self {
        Self::among(vec![Stream::of(ids)])
    }

    fn among(streams: Vec<Stream<'s>>) -> Self {
        Self { streams, least: Uuid::nil(), left: u64::MAX, is_cut: false }
    }

    /// Those that one index has under one term.
    pub(crate) fn indexed(snapshot: &'s dyn Snapshot, kind: Kind, index: u8, term: Term) -> Self {
        Self::among(vec![Stream::on(snapshot, spaces::indexed(kind, index, term))])
    }

    /// The next ones, so many or all that are left.
    pub(crate) fn next_many(&mut self, most: usize) -> Result<Vec<Uuid>, StoreError> {
        let mut ids = Vec::new();
        while ids.len() < most
            && let Some(id) = self.next()?
        {
            ids.push(id);
        }
        Ok(ids)
    }

    /// The next one. Each index is asked for the first entry from the last one's answer on, until all agree.
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
        self.least = Uuid::from_u128(candidate.as_u128().saturating_add(1));
        Ok(Some(candidate))
    }

    /// All of them, unless more than so many entries would have to be read for that, and somewhat more.
    pub(crate) fn at_most(mut self, most: u64) -> Result<Option<Vec<Uuid>>, StoreError> {
        self.left = most.saturating_add(u64::try_from(FEWEST).unwrap_or(0));
        let mut ids = Vec::new();
        while let Some(id) = self.next()? {
            ids.push(id);
        }
        Ok((!self.is_cut).then_some(ids))
    }
}

/// Ascending ids, of an index or given.
struct Stream<'s> {
    /// Ids that have been read.
    ready: VecDeque<Uuid>,
    /// Where to read on.
    rest: Option<Rest<'s>>,
}

struct Rest<'s> {
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
        Self { ready: VecDeque::new(), rest: Some(Rest { snapshot, prefix, from, size: FEWEST }) }
    }

    /// Whether it ends within its first entries, which are read for that.
    fn is_short(&mut self) -> Result<bool, StoreError> {
        let mut left = u64::MAX;
        self.seek(Uuid::nil(), &mut left)?;
        Ok(self.rest.is_none())
    }

    /// The first id that is not less than one, which stays the next; nothing, too, when no entry is left to be read.
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
                    *left = left.saturating_sub(u64::try_from(ids.len()).unwrap_or(u64::MAX));
                    self.ready.extend(ids);
                    if is_last {
                        self.rest = None;
                    }
                }
            }
        }
    }
}

impl Rest<'_> {
    fn read(&mut self, least: Uuid) -> Result<(Vec<Uuid>, bool), StoreError> {
        let from = self.from.clone().max(self.prefix.clone().uuid(least));
        let range = KeyRange::prefix(&self.prefix).from(from);
        let entries = self.snapshot.scan(&range, Direction::Forward, self.size)?;
        let is_last = entries.len() < self.size;
        if let Some(last) = entries.last() {
            self.from = last.key.successor();
        }
        self.size = (self.size * 2).min(MOST);
        let ids = entries.iter().filter_map(|entry| entry.key.after(&self.prefix).and_then(read_uuid));
        Ok((ids.collect(), is_last))
    }
}
