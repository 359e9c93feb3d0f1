//! Selection of records by filters and search: from indexes, in the order of creation, without reading other records.

use std::collections::BTreeSet;

use crate::{
    base::{Error, Kind, RecordNumber, TenantId, count},
    engine::{
        codec::{Chunk, ChunkNumber, Slot},
        keys::{
            self, FEWEST, IndexedValue, Named, NumberSet, Numbers, damaged_key, number_in, spaces, within_all,
        },
        schema::{Fold, IndexNumber, Member, Model, Record, ValueFaults, text_of, unquote},
    },
    store::{Direction, Entry, Key, KeyRange, Snapshot, StoreError},
};

/// Names that are read rather than that the names of all records are searched, in the order of the records.
const FEW_NAMES: u64 = 512;

/// Names that cost as much to read as looking at the records whose names are not yet kept in that order.
const NAMES_OF_OPEN_CHUNK: u64 = 8 * ChunkNumber::NUMBERS;

/// Names that one scan reads: the first scan, and the largest.
const FEWEST_NAMES: usize = 128;
const MOST_NAMES: usize = 4_096;

/// Records that are looked at for a name rather than that all names with its beginning are read.
const FEW_RECORDS: u64 = 128;

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

    /// True when records are selected by their names.
    pub(crate) fn is_of_names(&self) -> bool {
        self.beginning.is_some()
    }

    /// The selected records, in the order of their creation; `None` if more than `most` names would have to be read, or as
    /// many records be looked at. The first scan of an index reads at most `first` chunks.
    ///
    /// If the conditions leave few records, these are looked at for the name, and no names are read.
    pub(crate) fn numbers<'s>(
        &self,
        tenant: TenantId,
        snapshot: &'s dyn Snapshot,
        most: u64,
        first: usize,
    ) -> Result<Option<Numbers<'s>>, Error> {
        let mut sets = self.sets(snapshot)?;
        let Some(text) = self.beginning else { return Ok(Some(Numbers::among(snapshot, sets, first)?)) };
        if !sets.is_empty()
            && let Some(few) = Numbers::among(snapshot, sets.clone(), FEWEST)?.at_most(FEW_RECORDS)?
        {
            return Ok(Some(self.holding(tenant, snapshot, &few)?));
        }
        let is_exact = Named::is_exact(text);
        let few = if is_exact { most.min(FEW_NAMES) } else { most };
        match self.found(snapshot, text, few)? {
            Some(found) => sets.push(NumberSet::of(found)),
            None if !is_exact || most < NAMES_OF_OPEN_CHUNK => return Ok(None),
            None => return Ok(Some(self.candidates(tenant, snapshot, first)?)),
        }
        let numbers = Numbers::among(snapshot, sets, first)?;
        // The index keeps only the beginning of a name, so for a longer text its entries are candidates.
        if keys::beginning(text).len() == text.len() {
            return Ok(Some(numbers));
        }
        let candidates = numbers.at_most(u64::MAX)?.unwrap_or_default();
        Ok(Some(self.holding(tenant, snapshot, &candidates)?))
    }

    /// The selected records, by what indexes keep of names: among them are all that have a long one.
    pub(crate) fn candidates<'s>(
        &self,
        tenant: TenantId,
        snapshot: &'s dyn Snapshot,
        first: usize,
    ) -> Result<Numbers<'s>, StoreError> {
        Numbers::among(snapshot, self.all_sets(tenant, snapshot)?, first)
    }

    /// Tells of each of some records whether it fulfils the conditions, without regard to names.
    pub(crate) fn chosen(
        &self,
        snapshot: &dyn Snapshot,
        numbers: impl Iterator<Item = RecordNumber> + Clone,
    ) -> Result<Vec<bool>, StoreError> {
        let chunks: BTreeSet<ChunkNumber> = numbers.clone().map(|number| ChunkNumber::of(number).0).collect();
        let chunks: Vec<ChunkNumber> = chunks.into_iter().collect();
        let members = within_all(snapshot, &self.sets(snapshot)?, &chunks)?;
        let is_chosen = |number| {
            let (chunk, place) = ChunkNumber::of(number);
            let at = chunks.binary_search(&chunk).ok();
            at.and_then(|at| members.get(at)).is_some_and(|members: &Chunk| members.contains(place))
        };
        Ok(numbers.map(is_chosen).collect())
    }

    /// The records that fulfil each condition.
    fn sets(&self, snapshot: &dyn Snapshot) -> Result<Vec<NumberSet>, StoreError> {
        self.conditions.iter().map(|condition| condition.set(self.model.kind(), snapshot)).collect()
    }

    /// The same, and the records whose names begin as it is asked for.
    fn all_sets(&self, tenant: TenantId, snapshot: &dyn Snapshot) -> Result<Vec<NumberSet>, StoreError> {
        let mut sets = self.sets(snapshot)?;
        if let Some(text) = self.beginning {
            sets.push(NumberSet::Named(Named::beginning_with(text, tenant, self.model, snapshot)?));
        }
        Ok(sets)
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
    ) -> Result<Option<BTreeSet<RecordNumber>>, StoreError> {
        let kind = self.model.kind();
        let by_name = |entry: &Entry| {
            let number = entry.key.as_bytes().last_chunk::<{ RecordNumber::BYTES }>();
            number_in(number.map_or(&[], |bytes| &bytes[..]))
        };
        let by_key = |entry: &Entry| number_in(&entry.value);
        // Entries of names are in the order of the names; the join needs them in the order of numbers, each once.
        let mut found = BTreeSet::new();
        let mut add = |number: RecordNumber| {
            found.insert(number);
            count(found.len()) <= most
        };
        let names = spaces::search(kind, keys::beginning(text));
        let mut is_whole = read_while(snapshot, &names, |entry| Ok(add(by_name(entry)?)))?;
        // A name that is the natural key itself has no entry among the names: see `keys::index`.
        for (slot, ..) in self.model.natural_keys().filter(|(_, member, _)| member.searched) {
            let keys = spaces::unique(kind, slot, text);
            is_whole = is_whole && read_while(snapshot, &keys, |entry| Ok(add(by_key(entry)?)))?;
        }
        if is_whole { Ok(Some(found)) } else { Ok(None) }
    }

    /// The selected ones of some records, found by looking at each.
    fn holding<'s>(
        &self,
        tenant: TenantId,
        snapshot: &'s dyn Snapshot,
        numbers: &[RecordNumber],
    ) -> Result<Numbers<'s>, Error> {
        let (kind, mut holding) = (self.model.kind(), Vec::new());
        for numbers in numbers.chunks(MOST_NAMES) {
            let keys: Vec<Key> = numbers.iter().map(|number| spaces::numbered(kind, *number)).collect();
            for (number, bytes) in numbers.iter().zip(snapshot.get_many(&keys)?) {
                let bytes = bytes.ok_or_else(damaged_key)?;
                if self.holds(&Record::numbered(tenant, *number, &bytes)?)? {
                    holding.push(*number);
                }
            }
        }
        Ok(Numbers::of(snapshot, NumberSet::of(holding), FEWEST))
    }
}

impl Condition {
    fn set(&self, kind: Kind, snapshot: &dyn Snapshot) -> Result<NumberSet, StoreError> {
        match self {
            Self::Key { slot, folded, .. } => {
                let owner = snapshot.get(&spaces::unique(kind, *slot, folded))?;
                Ok(NumberSet::of(owner.map(|number| number_in(&number)).transpose()?))
            }
            Self::Indexed { index, value, .. } => {
                Ok(NumberSet::Stored(spaces::indexed(kind, *index, *value)))
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
    mut look: impl FnMut(&Entry) -> Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    let (mut range, mut size) = (KeyRange::prefix(prefix), FEWEST_NAMES);
    loop {
        let entries = snapshot.scan(&range, Direction::Forward, size)?;
        for entry in &entries {
            if !look(entry)? {
                return Ok(false);
            }
        }
        match entries.last() {
            Some(last) if entries.len() == size => range = range.from(last.key.successor()),
            _ => return Ok(true),
        }
        size = (size * 2).min(MOST_NAMES);
    }
}
