//! Records, and all that each is found by.

use uuid::Uuid;

use super::{Checking, Repair, each_page};
use crate::{
    base::{Error, Kind, RecordNumber, TenantId},
    engine::{
        codec::{self, Chunk, FeedEntryV1, HeadV1, NewestV1, RecordHead},
        keys::{self, ChunkChanges, NameChanges, Target, number_in, spaces, spaces::Family},
        schema::{Model, Record, Rule, reference_id},
    },
    store::{Batch, Entry, Key, MemoryStore, Overlay, Snapshot, Store},
};

/// Records that are looked at together.
const AT_ONCE: usize = 256;
/// Rows of other families that are counted together.
const COUNTED_AT_ONCE: usize = 1_024;

/// Numbers of rows that follow from records, by sort; of sets, of their members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) records: u64,
    pub(super) unique: u64,
    pub(super) searched: u64,
    pub(super) indexed: u64,
    pub(super) updated: u64,
    pub(super) gone: u64,
}

/// The records of a kind while they are checked.
struct Kinds<'s> {
    snapshot: &'s dyn Snapshot,
    kind: Kind,
    model: &'static Model,
    head: HeadV1,
    /// The number of the next record, and the one behind the last that was looked at.
    next: u64,
    end: u64,
    expected: Counts,
}

/// Checks the records of a kind, of which the next has a number, and answers how many rows of each sort follow from them.
pub(super) fn check(
    snapshot: &dyn Snapshot,
    model: &'static Model,
    kind: Kind,
    next: u64,
    checking: &mut Checking<'_>,
) -> Result<Counts, Error> {
    let head = snapshot.get(&spaces::head())?.map(|row| codec::decode::<HeadV1>(&row)).transpose()?;
    let (head, expected) = (head.unwrap_or_default(), Counts::default());
    let mut kinds = Kinds { snapshot, kind, model, head, next, end: 0, expected };
    let nothing = MemoryStore::new();
    let nothing = nothing.snapshot(TenantId::DIRECTORY)?;
    let mut sums = Overlay::new(&*nothing, Batch::new());
    each_page(snapshot, &spaces::records(kind), AT_ONCE, &mut |page| {
        checking.saw(page.len());
        kinds.check_page(&*nothing, &mut sums, &page, checking)
    })?;
    kinds.check_end(&*nothing, checking)?;
    let (stored, derived) = (keys::all_sums(snapshot, kind), keys::all_sums(&sums, kind)?);
    let agree = stored.is_ok_and(|stored| stored == derived);
    checking.expect(agree, Repair::Rebuild, || {
        format!("the sums of {} are not those of the records", kind.plural())
    });
    kinds.check_counts(checking)?;
    Ok(kinds.expected)
}

impl Kinds<'_> {
    fn check_page(
        &mut self,
        nothing: &dyn Snapshot,
        sums: &mut Overlay<'_>,
        page: &[Entry],
        checking: &mut Checking<'_>,
    ) -> Result<(), Error> {
        let (mut overlay, mut chunks) = (Overlay::new(nothing, Batch::new()), ChunkChanges::default());
        let (mut placed, mut references) = (Vec::new(), Vec::new());
        for entry in page {
            let Some(number) = number_of(self.kind, &entry.key) else {
                checking
                    .found(Repair::Backup, format!("a record of {} without a number", self.kind.plural()));
                continue;
            };
            self.expect_gone_up_to(number.get(), &mut chunks);
            self.end = number.get() + 1;
            self.expected.records += 1;
            // Names in the order of records are checked a whole chunk at a time: see `names`.
            let mut target =
                Target { overlay: &mut overlay, chunks: &mut chunks, names: &mut NameChanges::default() };
            match self.derive(&mut target, sums, number, entry, &mut references) {
                Ok(head) => placed.push((number, head)),
                Err(error) => {
                    checking.found(Repair::Backup, self.told(number, &format!("cannot be read: {error}")))
                }
            }
        }
        chunks.apply(&mut overlay)?;
        self.compare(&overlay.into_batch(), checking)?;
        self.check_places(&placed, checking)?;
        self.check_references(&references, checking)
    }

    /// Derives all that a record is found by, as the write path does.
    fn derive(
        &self,
        target: &mut Target<'_, '_>,
        sums: &mut Overlay<'_>,
        number: RecordNumber,
        entry: &Entry,
        references: &mut Vec<(RecordNumber, &'static str, Kind, Uuid)>,
    ) -> Result<RecordHead, Error> {
        let record = Record::numbered(TenantId::DIRECTORY, number, &entry.value)?;
        keys::move_keys(target, self.model, record.id, None, Some(&record))?;
        keys::move_share(sums, self.model, None, Some(&record))?;
        for (slot, member) in self.model.stored() {
            if let Rule::Reference(kind) = member.rule
                && let Some(id) = reference_id(record.slot(slot))?
            {
                references.push((number, member.name, kind, id));
            }
        }
        Ok(record.parts.head)
    }

    /// Expects all numbers from the last record up to another one to be gone.
    fn expect_gone_up_to(&mut self, number: u64, chunks: &mut ChunkChanges) {
        let set = spaces::gone(self.kind);
        for gone in (self.end..number).filter_map(RecordNumber::new) {
            chunks.insert(set.clone(), gone);
        }
    }

    fn check_end(&mut self, nothing: &dyn Snapshot, checking: &mut Checking<'_>) -> Result<(), Error> {
        let (mut overlay, mut chunks) = (Overlay::new(nothing, Batch::new()), ChunkChanges::default());
        self.expect_gone_up_to(self.next, &mut chunks);
        chunks.apply(&mut overlay)?;
        self.compare(&overlay.into_batch(), checking)
    }

    /// Compares rows that follow from some records with those that are stored. Of a set, the store has other members, too.
    fn compare(&mut self, derived: &Batch, checking: &mut Checking<'_>) -> Result<(), Error> {
        let rows: Vec<_> =
            derived.iter().filter_map(|(key, value)| Some((key.clone(), value?.clone()))).collect();
        let keys: Vec<Key> = rows.iter().map(|(key, _)| key.clone()).collect();
        for ((key, value), stored) in rows.iter().zip(self.snapshot.get_many(&keys)?) {
            let family = spaces::place(key).family;
            let holds = match family {
                Family::Sets | Family::Gone => {
                    let members = Chunk::decode(value)?;
                    let counted = if family == Family::Gone {
                        &mut self.expected.gone
                    } else {
                        &mut self.expected.indexed
                    };
                    *counted += members.len();
                    let stored = stored.map_or(Ok(Chunk::default()), |row| Chunk::decode(&row));
                    stored.is_ok_and(|stored| members.without(&stored).is_empty())
                }
                Family::Newest => stored.is_some_and(|row| is_as_new(&row, value)),
                Family::Unique => {
                    self.expected.unique += 1;
                    stored.is_some_and(|row| row == *value)
                }
                _ => {
                    self.expected.searched += 1;
                    stored.is_some()
                }
            };
            checking.expect(holds, Repair::Rebuild, || {
                format!("{} of {} lack a record, or name another", family.plural(), self.kind.plural())
            });
        }
        Ok(())
    }

    /// Checks the places of records in the list by last change, and their last entries in the feed.
    fn check_places(
        &mut self,
        placed: &[(RecordNumber, RecordHead)],
        checking: &mut Checking<'_>,
    ) -> Result<(), Error> {
        let keys: Vec<Key> =
            placed.iter().map(|(_, head)| spaces::updated(self.kind, head.updated_at)).collect();
        self.expected.updated += u64::try_from(placed.len()).unwrap_or(u64::MAX);
        for ((number, head), row) in placed.iter().zip(self.snapshot.get_many(&keys)?) {
            let holds = row.is_some_and(|row| number_in(&row).ok() == Some(*number));
            checking
                .expect(holds, Repair::Rebuild, || self.told(*number, "is not in the list by last change"));
            let is_early = head.updated_at.as_micros() <= self.head.instant;
            checking.expect(is_early, Repair::Rebuild, || {
                self.told(*number, "was changed behind the last change")
            });
        }
        if !Kind::IN_FEED.contains(&self.kind) {
            return Ok(());
        }
        let trimmed = self.head.trimmed.map_or(i64::MIN, |trim| trim.instant);
        let told: Vec<_> = placed.iter().filter(|(_, head)| head.updated_at.as_micros() > trimmed).collect();
        let keys: Vec<Key> = told.iter().map(|(_, head)| spaces::feed(self.kind, head.updated_at)).collect();
        for ((number, head), row) in told.iter().zip(self.snapshot.get_many(&keys)?) {
            let entry = row.map(|row| codec::decode::<FeedEntryV1>(&row));
            let holds = entry.is_some_and(|entry| {
                entry.is_ok_and(|entry| entry.record == number.get() && entry.version == head.version)
            });
            checking.expect(holds, Repair::Backup, || {
                self.told(*number, "has no entry of its last change in the feed")
            });
        }
        Ok(())
    }

    fn check_references(
        &self,
        references: &[(RecordNumber, &'static str, Kind, Uuid)],
        checking: &mut Checking<'_>,
    ) -> Result<(), Error> {
        let keys: Vec<Key> = references.iter().map(|(.., kind, id)| spaces::record(*kind, *id)).collect();
        for ((number, member, _, id), row) in references.iter().zip(self.snapshot.get_many(&keys)?) {
            let holds = row.is_some_and(|row| RecordHead::read(&row).is_ok_and(|head| head.is_of(*id)));
            checking.expect(holds, Repair::Backup, || {
                self.told(*number, &format!("names a record by {member} that is not there"))
            });
        }
        Ok(())
    }

    /// Compares how many rows of each sort there are with how many follow from the records.
    fn check_counts(&self, checking: &mut Checking<'_>) -> Result<(), Error> {
        let expected = self.expected;
        for (prefix, expected) in [
            (spaces::all_unique(self.kind), expected.unique),
            (spaces::search(self.kind, ""), expected.searched),
            (spaces::all_indexed(self.kind), expected.indexed),
            (spaces::all_updated(self.kind), expected.updated),
            (spaces::gone(self.kind), expected.gone),
        ] {
            let family = spaces::place(&prefix).family;
            let mut found = 0;
            each_page(self.snapshot, &prefix, COUNTED_AT_ONCE, &mut |page| {
                checking.saw(page.len());
                for row in &page {
                    found += match family {
                        Family::Sets | Family::Gone => {
                            Chunk::decode(&row.value).map_or(0, |chunk| chunk.len())
                        }
                        _ => 1,
                    };
                }
                Ok(())
            })?;
            checking.expect(found == expected, Repair::Rebuild, || {
                let (family, kind) = (family.plural(), self.kind.plural());
                format!("there are {found} {family} of {kind} where the records make {expected}")
            });
        }
        self.check_newest(checking)
    }

    /// Checks that what is kept as the newest record that refers to another is a record.
    fn check_newest(&self, checking: &mut Checking<'_>) -> Result<(), Error> {
        each_page(self.snapshot, &spaces::all_newest(self.kind), AT_ONCE, &mut |page| {
            checking.saw(page.len());
            let newest: Vec<Option<NewestV1>> =
                page.iter().map(|row| codec::decode(&row.value).ok()).collect();
            // A number that no record can have leads to the key behind all records.
            let number = |newest: &Option<NewestV1>| {
                let number = newest.as_ref().and_then(|newest| RecordNumber::new(newest.record));
                spaces::numbered(self.kind, number.unwrap_or(RecordNumber::END))
            };
            let keys: Vec<Key> = newest.iter().map(number).collect();
            for (newest, record) in newest.iter().zip(self.snapshot.get_many(&keys)?) {
                let head = record.and_then(|record| RecordHead::read(&record).ok());
                let holds = newest.is_some_and(|newest| {
                    head.is_some_and(|head| head.created_at.as_micros() == newest.created_at)
                });
                checking.expect(holds, Repair::Rebuild, || {
                    format!("the newest of {} that refer to a record is none", self.kind.plural())
                });
            }
            Ok(())
        })
    }

    fn told(&self, number: RecordNumber, what: &str) -> String {
        format!("the {} with the number {} {what}", self.kind, number.get())
    }
}

/// True when the stored newest record is not older than another.
fn is_as_new(stored: &[u8], than: &[u8]) -> bool {
    let read = |row: &[u8]| codec::decode::<NewestV1>(row).map(|newest| newest.record);
    matches!((read(stored), read(than)), (Ok(stored), Ok(than)) if stored >= than)
}

fn number_of(kind: Kind, key: &Key) -> Option<RecordNumber> {
    RecordNumber::from_bytes(key.after(&spaces::records(kind))?)
}
