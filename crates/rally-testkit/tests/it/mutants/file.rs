//! A store that keeps a file, with faults of its own.

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use libtest_mimic::Arguments;
use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, Figures, Key, Limits, Snapshot, Space, Store, StoreError},
};
use rally_testkit::{
    file_trials,
    properties::{Place, Property, of_a_file, of_a_store},
};

use super::store::{Map, Mutant, Wrong};

/// A fault in the way that a store keeps its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slip {
    Nothing,
    DeletionsAreNotKept,
    EmptyBatchesAreWritten,
    LastKeyIsLostWhenOpened,
    OnlyTheFirstBatchIsKept,
    OpeningTwiceLosesAll,
    RefusalsAreKept,
    RefusalsTouchTheFile,
    TenantsAreForgotten,
    WrittenWhenClosed,
}

/// For each slip some properties that find it.
const FOUND_BY: &[(Slip, &[&str])] = &[
    (Slip::DeletionsAreNotKept, &["a_deletion_is_there_after_reopening"]),
    (Slip::EmptyBatchesAreWritten, &["an_empty_batch_leaves_the_file_as_it_is"]),
    (
        Slip::LastKeyIsLostWhenOpened,
        &["everything_written_is_there_after_reopening", "writes_of_many_threads_are_there_after_reopening"],
    ),
    (
        Slip::OnlyTheFirstBatchIsKept,
        &["a_store_that_was_reopened_takes_writes", "random_batches_are_there_after_each_reopening"],
    ),
    (Slip::OpeningTwiceLosesAll, &["opening_a_file_that_was_only_read_finds_the_same"]),
    (Slip::RefusalsAreKept, &["nothing_refused_is_there_after_reopening"]),
    (Slip::RefusalsTouchTheFile, &["a_refused_write_leaves_the_file_as_it_is"]),
    (Slip::TenantsAreForgotten, &["tenants_stay_apart_after_reopening"]),
    (Slip::WrittenWhenClosed, &["everything_written_is_there_after_the_process_was_lost"]),
];

/// The plain store, whose whole map is written to a file with each write.
#[derive(Debug)]
struct FileStore {
    slip: Slip,
    inner: Mutant,
    path: PathBuf,
    one_at_a_time: Mutex<u8>,
}

impl FileStore {
    fn open(slip: Slip, path: &Path) -> Self {
        let inner = Mutant::new(Wrong::Nothing);
        let mut map = fs::read(path).map(|bytes| decode(&bytes)).unwrap_or_default();
        if slip == Slip::LastKeyIsLostWhenOpened {
            map.pop_last();
        }
        if slip == Slip::OpeningTwiceLosesAll && !map.is_empty() {
            fs::write(path, b"").unwrap();
        }
        *inner.map.write().unwrap() = map;
        Self { slip, inner, path: path.to_owned(), one_at_a_time: Mutex::default() }
    }

    fn keep(&self, touches: u8) {
        let mut map = self.inner.map.read().unwrap().clone();
        if self.slip == Slip::DeletionsAreNotKept {
            let old = fs::read(&self.path).map(|bytes| decode(&bytes)).unwrap_or_default();
            for (place, value) in old {
                map.entry(place).or_insert(value);
            }
        }
        if self.slip == Slip::TenantsAreForgotten {
            map = map.into_iter().map(|((_, key), value)| ((TENANT_OF_ALL, key), value)).collect();
        }
        fs::write(&self.path, encode(&map, touches)).unwrap();
    }
}

const TENANT_OF_ALL: u128 = 7;

/// Tenant, length of the key, key, length of the value, value; at the end a byte that counts touches.
fn encode(map: &Map, touches: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    for ((tenant, key), value) in map {
        bytes.extend(tenant.to_be_bytes());
        for part in [&key[..], value] {
            bytes.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
            bytes.extend(part);
        }
    }
    bytes.push(touches);
    bytes
}

fn decode(mut bytes: &[u8]) -> Map {
    let mut map = Map::new();
    while let Some((tenant, rest)) = bytes.split_first_chunk() {
        bytes = rest;
        let key = part(&mut bytes).to_vec();
        map.insert((u128::from_be_bytes(*tenant), key), part(&mut bytes).to_vec().into());
    }
    map
}

fn part<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let (length, rest) = bytes.split_first_chunk().unwrap();
    let (part, rest) = rest.split_at(usize::try_from(u32::from_be_bytes(*length)).unwrap());
    *bytes = rest;
    part
}

#[deny(clippy::missing_trait_methods)]
impl Store for FileStore {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready()
    }

    fn figures(&self) -> Figures {
        self.inner.figures()
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.inner.snapshot(tenant)
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        let mut touches = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let mut empty = false;
        let outcome = self.inner.write(tenant, &mut |now| match build(now) {
            Err(Abort::Refused) if self.slip == Slip::RefusalsAreKept => {
                let mut batch = Batch::new();
                batch.put(Key::new(Space(7)), "refused");
                Ok(batch)
            }
            batch => {
                empty = batch.as_ref().is_ok_and(Batch::is_empty);
                batch
            }
        });
        let refused = matches!(outcome, Ok(Commit::Refused));
        *touches += u8::from(empty && self.slip == Slip::EmptyBatchesAreWritten);
        *touches += u8::from(refused && self.slip == Slip::RefusalsTouchTheFile);
        let kept = match self.slip {
            Slip::WrittenWhenClosed => !self.path.exists(),
            Slip::OnlyTheFirstBatchIsKept => self.inner.map.read().unwrap().len() < 2 && !self.path.exists(),
            _ => outcome.is_ok(),
        };
        if kept {
            self.keep(*touches);
        }
        outcome
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        if self.slip == Slip::WrittenWhenClosed {
            self.keep(0);
        }
    }
}

/// True when a store with this slip fails a property.
fn fails(slip: Slip, property: &Property<Place>) -> bool {
    let place = Place::new(Arc::new(move |path| Arc::new(FileStore::open(slip, path))));
    catch_unwind(AssertUnwindSafe(|| property.check(&place))).is_err()
}

#[test]
fn each_slip_is_found_by_the_properties_that_name_it() {
    for (slip, names) in FOUND_BY {
        for name in *names {
            let all = of_a_file();
            let property = all.iter().find(|property| property.name() == *name);
            let property = property.unwrap_or_else(|| panic!("there is no property {name}"));
            assert!(fails(*slip, property), "{name} does not find that {slip:?}");
        }
    }
}

#[test]
fn each_property_of_a_file_is_seen_to_fail() {
    let seen: BTreeSet<_> = FOUND_BY.iter().flat_map(|(_, names)| *names).copied().collect();
    let all: BTreeSet<_> = of_a_file().iter().map(Property::name).collect();
    assert_eq!(all.difference(&seen).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn a_file_with_nothing_wrong_passes_them_all() {
    for property in of_a_file() {
        assert!(!fails(Slip::Nothing, &property), "{}", property.name());
    }
}

#[test]
fn the_trials_of_a_file_run_every_property_on_a_file_of_its_own() {
    let trials = file_trials("file", |path| Arc::new(FileStore::open(Slip::Nothing, path)));
    let count = of_a_store().len() + of_a_file().len();
    let conclusion = libtest_mimic::run(&Arguments { quiet: true, ..Arguments::default() }, trials);
    assert_eq!((conclusion.num_passed, conclusion.num_failed), (u64::try_from(count).unwrap(), 0));
}
