//! Group commits with faults of their own.

use std::{
    collections::BTreeSet,
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rally_core::{
    TenantId,
    store::{
        Abort, Batch, Commit, CommitOutcome, Condition, Figures, GroupCommit, GroupOptions, GroupQueue,
        Limits, Snapshot, Store, StoreError,
    },
};
use rally_testkit::properties::{GroupFault, Grouped, Property, of_group_commit};

use crate::groups::{
    OPTIONS,
    scripted::{Backend, Pending},
};

/// A fault of a group commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    Nothing,
    AnswersAreGivenEarly,
    AnswersAreWhatWasSeen,
    BrokenCommitsAreTried,
    BuildSeesDurableStateOnly,
    BrokenTransactionsGoOn,
    BytesAreNotCounted,
    DoubtIsToldToAll,
    EachWriteCommitsAlone,
    EmptyGroupsAreCommitted,
    InterruptionsAreFinal,
    LostWritesAreNotRunAgain,
    MembersAreNotCounted,
    OneWriterHearsOfTheLoss,
    OnlyAppliedWritesCommit,
    PanicLosesTheGroup,
    RefusalsFail,
    TenantsWaitInOneLine,
    TimeIsNotCounted,
}

use Flaw as F;

/// For each flaw some properties that find it.
const FOUND_BY: &[(Flaw, &[&str])] = &[
    (F::AnswersAreGivenEarly, &["nobody_is_answered_before_the_commit_is_durable"]),
    (F::AnswersAreWhatWasSeen, &["a_write_that_saw_a_lost_commit_is_not_answered_by_what_it_saw"]),
    (F::BrokenCommitsAreTried, &["a_broken_transaction_is_not_committed_and_the_reason_is_told"]),
    (F::BrokenTransactionsGoOn, &["a_broken_transaction_takes_no_more_writes"]),
    (F::BuildSeesDurableStateOnly, &["each_build_sees_what_its_group_has_added"]),
    (F::BytesAreNotCounted, &["a_group_takes_no_more_writes_once_it_has_so_many_bytes"]),
    (F::DoubtIsToldToAll, &["only_writers_that_changed_something_hear_of_a_commit_in_doubt"]),
    (F::EachWriteCommitsAlone, &["writers_that_wait_share_one_commit"]),
    (F::EmptyGroupsAreCommitted, &["a_group_that_changes_nothing_is_not_committed"]),
    (F::InterruptionsAreFinal, &["a_write_whose_transaction_was_interrupted_is_run_again"]),
    (F::LostWritesAreNotRunAgain, &["a_lost_write_is_run_again_as_often_as_is_allowed"]),
    (F::MembersAreNotCounted, &["a_group_takes_at_most_so_many_writes"]),
    (F::OneWriterHearsOfTheLoss, &["writers_that_share_a_commit_hear_the_same_outcome"]),
    (F::OnlyAppliedWritesCommit, &["no_group_is_left_open_when_nobody_waits"]),
    (F::PanicLosesTheGroup, &["a_panic_in_build_loses_no_other_batch_of_the_group"]),
    (F::RefusalsFail, &["an_answer_that_rests_on_no_change_of_the_group_stands"]),
    (
        F::TenantsWaitInOneLine,
        &[
            "writers_of_different_tenants_take_turns",
            "a_group_whose_time_is_up_takes_a_tenant_that_had_no_turn_in_it",
        ],
    ),
    (F::TimeIsNotCounted, &["a_group_takes_no_more_writes_once_its_time_is_up"]),
];

/// The tenant that all wait as where they wait in one line.
const ANY: TenantId = TenantId::DIRECTORY;

/// The scripted store with one thing wrong.
#[derive(Debug)]
struct Flawed {
    backend: FlawedBackend,
    queue: GroupQueue<Pending, ()>,
    /// The group that the flaws without a queue keep for the next writer.
    open: Mutex<Pending>,
    waiting: AtomicUsize,
    writes: AtomicUsize,
}

#[derive(Debug)]
struct FlawedBackend {
    flaw: Flaw,
    inner: Backend,
}

impl Flawed {
    fn new(flaw: Flaw, options: GroupOptions) -> Self {
        let options = match flaw {
            F::BytesAreNotCounted => GroupOptions { bytes: usize::MAX, ..options },
            F::EachWriteCommitsAlone => GroupOptions { members: 1, ..options },
            F::LostWritesAreNotRunAgain => GroupOptions { attempts: 1, ..options },
            F::MembersAreNotCounted => GroupOptions { members: usize::MAX, ..options },
            F::TimeIsNotCounted => GroupOptions { time: Duration::MAX, ..options },
            _ => options,
        };
        Self {
            backend: FlawedBackend { flaw, inner: Backend::default() },
            queue: GroupQueue::new(options, ()),
            open: Mutex::new(Pending::new()),
            waiting: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
        }
    }

    /// Answers at once, and leaves the commit to the last writer.
    fn write_early(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let ran = catch_unwind(AssertUnwindSafe(|| self.backend.inner.run(&mut open, tenant, build)));
        let is_applied = matches!(ran, Ok(Ok(())));
        let is_last = self.waiting.load(Ordering::SeqCst) == 0;
        if is_last && (is_applied || self.backend.flaw != F::OnlyAppliedWritesCommit) {
            self.backend.inner.commit(&mut (), mem::replace(&mut *open, Pending::new()));
        }
        drop(open);
        match ran.unwrap_or_else(|panic| resume_unwind(panic)) {
            Ok(()) => Ok(Commit::Applied),
            Err(Abort::Refused) => Ok(Commit::Refused),
            Err(Abort::Store(error)) => Err(error),
        }
    }

    /// Answers with what `build` came to, if the store does not.
    fn write_as_seen(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        let mut seen = Vec::new();
        let answer = self.queue.write(&self.backend, tenant, &mut |newest| {
            // A later run would see what is true.
            if !seen.is_empty() {
                return Err(StoreError::Conflict.into());
            }
            let built = build(newest);
            seen.push(match &built {
                Ok(_) => Commit::Applied,
                Err(_) => Commit::Refused,
            });
            built
        });
        match (answer, seen.first()) {
            (Err(StoreError::Conflict | StoreError::Unavailable { .. }), Some(commit)) => Ok(*commit),
            (answer, _) => answer,
        }
    }
}

impl GroupCommit for FlawedBackend {
    type Transaction = Pending;
    type State = ();

    fn begin(&self, state: &mut (), tenant: TenantId) -> Result<Pending, StoreError> {
        self.inner.begin(state, tenant)
    }

    fn run(
        &self,
        pending: &mut Pending,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<(), Abort> {
        match self.flaw {
            F::BuildSeesDurableStateOnly => {
                let batch = build(&*self.inner.durable.snapshot(tenant)?)?;
                pending.batches.entry(tenant).or_default().append(batch);
                Ok(())
            }
            F::PanicLosesTheGroup => {
                let ran = catch_unwind(AssertUnwindSafe(|| self.inner.run(pending, tenant, build)));
                ran.unwrap_or_else(|panic| {
                    pending.batches.clear();
                    resume_unwind(panic)
                })
            }
            F::BrokenCommitsAreTried => {
                let mut built = None;
                let ran = self.inner.run(pending, tenant, &mut |newest| {
                    let batch = build(newest)?;
                    built = Some(batch.clone());
                    Ok(batch)
                });
                if let (Err(Abort::Store(_)), Some(batch)) = (&ran, built) {
                    // Half of it, as it were.
                    pending.batches.entry(tenant).or_default().append(batch);
                }
                ran
            }
            _ => self.inner.run(pending, tenant, build),
        }
    }

    fn condition(&self, pending: &Pending) -> Condition {
        match self.flaw {
            F::BrokenCommitsAreTried | F::BrokenTransactionsGoOn => Condition::Sound,
            F::InterruptionsAreFinal if pending.condition == Condition::Interrupted => Condition::Broken,
            _ => self.inner.condition(pending),
        }
    }

    fn age(&self, pending: &Pending) -> Duration {
        self.inner.age(pending)
    }

    fn commit(&self, state: &mut (), pending: Pending) -> CommitOutcome {
        self.inner.commit(state, pending)
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Flawed {
    fn limits(&self) -> Limits {
        OPTIONS.limits
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn ready(&self) -> Result<(), StoreError> {
        self.backend.inner.durable.ready()
    }

    fn figures(&self) -> Figures {
        self.backend.inner.durable.figures()
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.backend.inner.durable.snapshot(tenant)
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        let is_second = self.writes.fetch_add(1, Ordering::SeqCst) % 2 == 1;
        let answer = match self.backend.flaw {
            F::AnswersAreGivenEarly | F::OnlyAppliedWritesCommit => self.write_early(tenant, build),
            F::AnswersAreWhatWasSeen => self.write_as_seen(tenant, build),
            F::TenantsWaitInOneLine => self.queue.write(&self.backend, ANY, build),
            F::OneWriterHearsOfTheLoss if is_second => self.write_as_seen(tenant, build),
            _ => self.queue.write(&self.backend, tenant, build),
        };
        match (self.backend.flaw, answer) {
            (F::DoubtIsToldToAll, Ok(Commit::Refused)) => {
                Err(StoreError::CommitUnknown { reason: "another's commit is in doubt".to_owned() })
            }
            (F::RefusalsFail, Ok(Commit::Refused)) => Err(StoreError::Conflict),
            (F::EmptyGroupsAreCommitted, answer @ Ok(Commit::Refused)) => {
                self.backend.inner.commits.fetch_add(1, Ordering::SeqCst);
                answer
            }
            (_, answer) => answer,
        }
    }
}

impl Grouped for Flawed {
    fn store(&self) -> &dyn Store {
        self
    }

    fn options(&self) -> GroupOptions {
        OPTIONS
    }

    fn committing_after(&self, time: Duration) -> Arc<dyn Grouped> {
        Arc::new(Self::new(self.backend.flaw, GroupOptions { time, ..OPTIONS }))
    }

    fn waiting(&self, tenant: TenantId) -> usize {
        let line = if self.backend.flaw == F::TenantsWaitInOneLine { ANY } else { tenant };
        self.queue.waiting(line) + self.waiting.load(Ordering::SeqCst)
    }

    fn commits(&self) -> usize {
        self.backend.inner.commits.load(Ordering::SeqCst)
    }

    fn fail(&self, fault: GroupFault) -> bool {
        self.backend.inner.fail(fault);
        true
    }

    fn heal(&self) {}
}

/// True when a group commit with this flaw fails a property.
fn fails(flaw: Flaw, property: &Property<Arc<dyn Grouped>>) -> bool {
    let subject: Arc<dyn Grouped> = Arc::new(Flawed::new(flaw, OPTIONS));
    catch_unwind(AssertUnwindSafe(|| property.check(&subject))).is_err()
}

#[test]
fn each_flaw_is_found_by_the_properties_that_name_it() {
    let start = |(flaw, name): (Flaw, &'static str)| {
        thread::spawn(move || {
            let property = of_group_commit().into_iter().find(|property| property.name() == name);
            let property = property.unwrap_or_else(|| panic!("there is no property {name}"));
            assert!(fails(flaw, &property), "{name} does not find that {flaw:?}");
        })
    };
    let pairs = FOUND_BY.iter().flat_map(|(flaw, names)| names.iter().map(|name| (*flaw, *name)));
    let checks: Vec<_> = pairs.map(start).collect();
    let missed = checks.into_iter().filter_map(|check| check.join().err()).count();
    assert_eq!(missed, 0, "flaws were not found");
}

#[test]
fn each_property_of_group_commit_is_seen_to_fail() {
    let seen: BTreeSet<_> = FOUND_BY.iter().flat_map(|(_, names)| *names).copied().collect();
    let all: BTreeSet<_> = of_group_commit().iter().map(Property::name).collect();
    assert_eq!(all.difference(&seen).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn a_group_commit_with_nothing_wrong_passes_them_all() {
    for property in of_group_commit() {
        assert!(!fails(F::Nothing, &property), "{}", property.name());
    }
}
