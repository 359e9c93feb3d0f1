use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use bytes::Bytes;
use rally_core::{
    TenantId,
    store::{
        Abort, Batch, Commit, Direction, Entry, Figures, Incarnation, Key, KeyRange, Limits, Snapshot, Space,
        Store, StoreError,
    },
};

/// A fault of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Nothing,
    BackwardScanTakesTheFirstEntries,
    BatchLimitIsForgotten,
    BuildSeesTheStateBefore,
    BuildSeesAllTenants,
    BuildRunsOnlyOnce,
    DeletesAreForgotten,
    DeletesAreNotMeasured,
    DeletesOfMissingKeysFail,
    DirectoryIsReadOnly,
    EmptyBatchIsRefused,
    EmptyValueIsMissing,
    ErrorIsRenamed,
    EveryRunCounts,
    FailureUndoesTheWriteBefore,
    GetIgnoresTheSpace,
    GetManyAnswersInOrderOfKeys,
    GetManyDropsRepeatedKeys,
    GetManyPanicsWithoutKeys,
    GetManyTakesNoMoreThan65535,
    IncarnationIsNewWithEachWrite,
    KeyLimitIsSmall,
    KeysEndAtAZero,
    LimitsAreCheckedWhileApplying,
    LongKeyIsAnError,
    NeverReady,
    PanicPoisons,
    PrefetchFailsOfMissingKeys,
    PrefixesAreOneKey,
    PutsDoNotReplace,
    ReadsWaitForWriters,
    RefusalApplies,
    ScanCountsDeletedKeys,
    ScanGivesAMebibyte,
    ScanGoesForwardOnly,
    ScanHoldsItsEnd,
    ScanIgnoresItsLimit,
    ScanLeavesOutItsStart,
    ScanMixesUpValues,
    ScanNeedsItsStartToBeThere,
    ScanPanicsUpsideDown,
    ScanRunsOnIntoTheNextSpace,
    ScanRunsOnIntoTheNextTenant,
    ScanStopsAtTenThousand,
    SnapshotFollowsLaterWrites,
    SnapshotIsOld,
    SnapshotIsTakenOnce,
    SnapshotShowsHalfABatch,
    SnapshotWaitsForWriters,
    TenantsAreCutShort,
    TenantsAreOne,
    UnknownTenantIsAnError,
    ValueLimitIsOneLess,
    ValuesAreTrimmed,
    WriteAppliesHalf,
    WriteWaitsForSnapshots,
    WritersInterleave,
}

use Wrong as W;

pub(crate) type Place = (u128, Vec<u8>);
pub(crate) type Map = BTreeMap<Place, Bytes>;
type Build<'a> = dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort> + 'a;

/// A plain store, one map behind one lock, with one thing wrong.
#[derive(Debug)]
pub(crate) struct Mutant {
    wrong: Wrong,
    /// Held for the whole of a write.
    writer: Mutex<()>,
    /// Held as long as a snapshot, by the mutant that makes writers wait for them.
    snapshots: RwLock<()>,
    pub(crate) map: RwLock<Map>,
    before: RwLock<Map>,
    first: RwLock<Option<Map>>,
    built_before: AtomicBool,
    writers: AtomicUsize,
    snapshots_taken: AtomicUsize,
}

struct View<'a> {
    store: &'a Mutant,
    tenant: u128,
    map: Map,
    within_build: bool,
    _held: Option<RwLockReadGuard<'a, ()>>,
}

impl Mutant {
    pub(crate) fn new(wrong: Wrong) -> Self {
        Self {
            wrong,
            writer: Mutex::default(),
            snapshots: RwLock::default(),
            map: RwLock::default(),
            before: RwLock::default(),
            first: RwLock::default(),
            built_before: AtomicBool::new(false),
            writers: AtomicUsize::new(0),
            snapshots_taken: AtomicUsize::new(0),
        }
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == wrong
    }

    fn tenant(&self, tenant: TenantId) -> u128 {
        match self.wrong {
            W::TenantsAreOne => 7,
            W::TenantsAreCutShort => tenant.as_uuid().as_u128() >> 8,
            _ => tenant.as_uuid().as_u128(),
        }
    }

    fn place(&self, tenant: u128, key: &Key) -> Place {
        let bytes = key.as_bytes();
        let zero = || bytes.iter().skip(1).position(|byte| *byte == 0).map_or(bytes.len(), |at| at + 1);
        let kept = match self.wrong {
            W::KeysEndAtAZero => &bytes[..zero()],
            W::PrefixesAreOneKey => &bytes[..bytes.len().min(20)],
            _ => bytes,
        };
        (tenant, kept.to_vec())
    }

    fn lock(&self) -> Option<MutexGuard<'_, ()>> {
        match self.wrong {
            W::WritersInterleave => None,
            W::PanicPoisons => Some(self.writer.lock().unwrap()),
            _ => Some(self.writer.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    fn view(&self, tenant: TenantId) -> View<'_> {
        let newest = || self.map.read().unwrap().clone();
        let map = match self.wrong {
            W::SnapshotIsTakenOnce => self.first.write().unwrap().get_or_insert_with(newest).clone(),
            W::SnapshotIsOld => self.before.read().unwrap().clone(),
            _ => newest(),
        };
        View { store: self, tenant: self.tenant(tenant), map, within_build: false, _held: None }
    }

    /// The view that `build` is given.
    fn building(&self, tenant: TenantId) -> View<'_> {
        let mut view = View { within_build: true, ..self.view(tenant) };
        match self.wrong {
            W::BuildSeesTheStateBefore => view.map = self.before.read().unwrap().clone(),
            W::SnapshotIsOld | W::SnapshotIsTakenOnce => view.map = self.map.read().unwrap().clone(),
            W::BuildSeesAllTenants => {
                let all = view.map.into_iter();
                view.map = all.map(|((_, key), value)| ((view.tenant, key), value)).collect();
            }
            _ => {}
        }
        view
    }

    /// Runs `build`; a write that ends without a batch ends here.
    fn batch(&self, tenant: TenantId, build: &mut Build<'_>) -> Result<Batch, Result<Commit, StoreError>> {
        if self.is(W::BuildRunsOnlyOnce) && self.built_before.swap(true, Ordering::SeqCst) {
            return Ok(Batch::new());
        }
        let mut batch = build(&self.building(tenant));
        if self.is(W::EveryRunCounts)
            && let Ok(first) = &mut batch
            && let Ok(again) = build(&self.building(tenant))
        {
            again.into_changes().for_each(|(key, value)| first.put(key, value.unwrap_or_default()));
        }
        match batch {
            Err(Abort::Refused) if self.is(W::RefusalApplies) => {
                batch = Ok(Batch::new());
                batch.as_mut().unwrap().put(Key::new(Space(7)).bytes(b"refused"), "1");
            }
            Err(_) if self.is(W::FailureUndoesTheWriteBefore) => {
                *self.map.write().unwrap() = self.before.read().unwrap().clone();
            }
            _ => {}
        }
        batch.map_err(|abort| match abort {
            Abort::Refused => Ok(Commit::Refused),
            Abort::Store(error) if self.is(W::ErrorIsRenamed) => {
                Err(StoreError::Backend { source: error.into() })
            }
            Abort::Store(error) => Err(error),
        })
    }

    fn check(&self, batch: &Batch) -> Result<(), StoreError> {
        let limits = self.limits();
        match self.wrong {
            W::LimitsAreCheckedWhileApplying => Limits { key_bytes: usize::MAX, ..limits }.check(batch),
            W::BatchLimitIsForgotten => Limits { batch_bytes: usize::MAX, ..limits }.check(batch),
            W::ValueLimitIsOneLess => Limits { value_bytes: limits.value_bytes - 1, ..limits }.check(batch),
            W::DeletesAreNotMeasured => {
                let mut puts = Batch::new();
                let kept = batch.iter().filter_map(|(key, value)| Some((key, value?)));
                kept.for_each(|(key, value)| puts.put(key.clone(), value.clone()));
                limits.check(&puts)
            }
            _ => limits.check(batch),
        }
    }

    /// Waits for a second writer, if one comes soon, so that the fault shows on a machine with one core too.
    fn meet_a_writer(&self) {
        self.writers.fetch_add(1, Ordering::SeqCst);
        yield_while(|| self.writers.load(Ordering::SeqCst) < 2);
    }

    /// Waits for somebody who takes a snapshot, likewise.
    fn meet_a_reader(&self) {
        let before = self.snapshots_taken.load(Ordering::SeqCst);
        yield_while(|| self.snapshots_taken.load(Ordering::SeqCst) == before);
    }

    fn apply(&self, mut next: Map, tenant: u128, batch: Batch) -> Result<(), StoreError> {
        let (count, before) = (batch.len(), next.clone());
        for (number, (key, value)) in batch.into_changes().enumerate() {
            if self.is(W::WriteAppliesHalf) && number > 0 && number >= count / 2 {
                break;
            }
            if self.is(W::LimitsAreCheckedWhileApplying) && key.as_bytes().len() > self.limits().key_bytes {
                *self.map.write().unwrap() = next;
                return Err(StoreError::TooLarge {
                    what: "key",
                    bytes: key.as_bytes().len(),
                    limit: self.limits().key_bytes,
                });
            }
            self.change(&mut next, self.place(tenant, &key), value)?;
            if self.is(W::SnapshotShowsHalfABatch) && number % 16 == 7 {
                *self.map.write().unwrap() = next.clone();
                self.meet_a_reader();
            }
        }
        *self.map.write().unwrap() = next;
        *self.before.write().unwrap() = before;
        Ok(())
    }

    fn change(&self, map: &mut Map, place: Place, value: Option<Bytes>) -> Result<(), StoreError> {
        let known = map.contains_key(&place);
        match (self.wrong, value) {
            (W::PutsDoNotReplace, Some(_)) if known => {}
            (W::ValuesAreTrimmed, Some(value)) => {
                let zeros = value.iter().rev().take_while(|byte| **byte == 0).count();
                map.insert(place, value.slice(..value.len() - zeros));
            }
            (_, Some(value)) => drop(map.insert(place, value)),
            (W::DeletesAreForgotten, None) => {}
            (W::ScanCountsDeletedKeys, None) => drop(map.insert(place, Bytes::from_static(b"deleted"))),
            (W::DeletesOfMissingKeysFail, None) if !known => {
                return Err(StoreError::Corrupt { what: "a deleted key is not there".to_owned() });
            }
            (_, None) => drop(map.remove(&place)),
        }
        Ok(())
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Mutant {
    fn limits(&self) -> Limits {
        let key_bytes = if self.is(W::KeyLimitIsSmall) { 1_024 } else { Limits::LEAST.key_bytes };
        Limits { key_bytes, ..Limits::LEAST }
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn ready(&self) -> Result<(), StoreError> {
        if self.is(W::NeverReady) {
            return Err(StoreError::Unavailable { reason: "never ready".to_owned() });
        }
        Ok(())
    }

    fn figures(&self) -> Figures {
        Figures::default()
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        let held = match self.wrong {
            W::SnapshotWaitsForWriters => {
                drop(self.writer.lock());
                None
            }
            W::WriteWaitsForSnapshots => Some(self.snapshots.read().unwrap()),
            _ => None,
        };
        let view = self.view(tenant);
        self.snapshots_taken.fetch_add(1, Ordering::SeqCst);
        if self.is(W::UnknownTenantIsAnError) && !view.map.keys().any(|(known, _)| *known == view.tenant) {
            return Err(StoreError::Unavailable { reason: "no such tenant".to_owned() });
        }
        Ok(Box::new(View { _held: held, ..view }))
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        let _writing = self.lock();
        let base = || self.map.read().unwrap().clone();
        let stale = self.is(W::WritersInterleave).then(base);
        let batch = match self.batch(tenant, build) {
            Ok(batch) => batch,
            Err(outcome) => return outcome,
        };
        self.check(&batch)?;
        if self.is(W::EmptyBatchIsRefused) && batch.is_empty() {
            return Ok(Commit::Refused);
        }
        let _alone = self.is(W::WriteWaitsForSnapshots).then(|| self.snapshots.write().unwrap());
        if self.is(W::DirectoryIsReadOnly) && tenant == TenantId::DIRECTORY {
            return Ok(Commit::Applied);
        }
        if stale.is_some() {
            self.meet_a_writer();
        }
        let outcome = self.apply(stale.unwrap_or_else(base), self.tenant(tenant), batch);
        self.writers.store(0, Ordering::SeqCst);
        outcome.map(|()| Commit::Applied)
    }
}

impl View<'_> {
    fn is(&self, wrong: Wrong) -> bool {
        self.store.is(wrong)
    }

    /// Fails at once where a store would wait, as the check that waits for it would.
    fn wait(&self) -> Result<(), StoreError> {
        let waits = self.is(W::ReadsWaitForWriters) && !self.within_build;
        if waits && self.store.writer.try_lock().is_err() {
            return Err(StoreError::Unavailable { reason: "a writer is at work".to_owned() });
        }
        Ok(())
    }

    fn find(&self, key: &Key) -> Option<Bytes> {
        let place = self.store.place(self.tenant, key);
        let found = match self.store.wrong {
            W::SnapshotFollowsLaterWrites => self.store.map.read().unwrap().get(&place).cloned(),
            W::GetIgnoresTheSpace => {
                let same = |(tenant, other): &Place| *tenant == place.0 && other[1..] == place.1[1..];
                self.map.iter().find(|(other, _)| same(other)).map(|(_, value)| value.clone())
            }
            W::ScanCountsDeletedKeys => self.map.get(&place).filter(|value| **value != "deleted").cloned(),
            _ => self.map.get(&place).cloned(),
        };
        found.filter(|value| !(self.is(W::EmptyValueIsMissing) && value.is_empty()))
    }

    /// Every entry of a range, from the least key up.
    fn entries(&self, range: &KeyRange) -> Vec<Entry> {
        let next_tenant = self.is(W::ScanRunsOnIntoTheNextTenant) && range.end().is_none();
        let next_space = self.is(W::ScanRunsOnIntoTheNextSpace);
        let inside = |(tenant, key): &Place| {
            let (start, end) = (range.start().as_bytes(), range.end().map(Key::as_bytes));
            let begins = if self.is(W::ScanLeavesOutItsStart) { key[..] > *start } else { key[..] >= *start };
            let ends = end.is_none_or(|end| {
                key[..] < *end
                    || self.is(W::ScanHoldsItsEnd) && key[..] == *end
                    || next_space && end.len() == 1 && key[0] == end[0]
            });
            (*tenant == self.tenant && begins && ends) || (next_tenant && *tenant > self.tenant)
        };
        let live = self.is(W::SnapshotFollowsLaterWrites).then(|| self.store.map.read().unwrap().clone());
        let all = live.as_ref().unwrap_or(&self.map).iter().filter(|(place, _)| inside(place));
        all.map(|((_, key), value)| Entry { key: Key::from_bytes(key).unwrap(), value: value.clone() })
            .collect()
    }
}

#[deny(clippy::missing_trait_methods)]
impl Snapshot for View<'_> {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        if self.is(W::LongKeyIsAnError) {
            let limit = self.store.limits().key_bytes;
            let bytes = key.as_bytes().len();
            (bytes <= limit).then_some(()).ok_or(StoreError::TooLarge { what: "key", bytes, limit })?;
        }
        self.wait()?;
        Ok(self.find(key))
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut keys = keys.to_vec();
        match self.store.wrong {
            W::GetManyAnswersInOrderOfKeys => keys.sort(),
            W::GetManyDropsRepeatedKeys => keys.dedup(),
            W::GetManyPanicsWithoutKeys => assert!(!keys.is_empty(), "there are no keys"),
            W::GetManyTakesNoMoreThan65535 => keys.truncate(65_535),
            _ => {}
        }
        Ok(keys.iter().map(|key| self.find(key)).collect())
    }

    fn prefetch(&self, keys: &[Key]) -> Result<(), StoreError> {
        let fails = self.is(W::PrefetchFailsOfMissingKeys) && keys.iter().any(|key| self.find(key).is_none());
        if fails { Err(StoreError::Corrupt { what: "a missing key".to_owned() }) } else { Ok(()) }
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        assert!(!(self.is(W::ScanPanicsUpsideDown) && range.is_empty()), "the range is upside down");
        let mut found = self.entries(range);
        let take = if self.is(W::ScanIgnoresItsLimit) { usize::MAX } else { limit };
        if self.is(W::ScanNeedsItsStartToBeThere) && found.first().is_some_and(|e| e.key != *range.start()) {
            found.clear();
        }
        if self.is(W::BackwardScanTakesTheFirstEntries) {
            found.truncate(limit);
        }
        if direction == Direction::Backward && !self.is(W::ScanGoesForwardOnly) {
            found.reverse();
        }
        found.truncate(take);
        let mut bytes = 0;
        match self.store.wrong {
            W::ScanMixesUpValues => reverse_values(&mut found),
            W::ScanStopsAtTenThousand => found.truncate(10_000),
            W::ScanGivesAMebibyte => found.retain(|entry| {
                bytes += entry.value.len();
                bytes < 1 << 20
            }),
            W::ScanCountsDeletedKeys => found.retain(|entry| entry.value != "deleted"),
            _ => {}
        }
        Ok(found)
    }

    fn incarnation(&self) -> Result<Incarnation, StoreError> {
        let is_new = self.is(W::IncarnationIsNewWithEachWrite);
        let number = if is_new { self.store.map.read().unwrap().len() } else { 0 };
        Ok(Incarnation::from_number(u128::try_from(number).unwrap()))
    }
}

fn yield_while(waiting: impl Fn() -> bool) {
    (0..10_000).take_while(|_| waiting()).for_each(|_| thread::yield_now());
}

fn reverse_values(entries: &mut [Entry]) {
    let values: Vec<_> = entries.iter().rev().map(|entry| entry.value.clone()).collect();
    entries.iter_mut().zip(values).for_each(|(entry, value)| entry.value = value);
}
