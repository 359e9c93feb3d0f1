//! The promises of [`GroupQueue::write`](rally_core::store::GroupQueue::write): who shares a commit, and who is told
//! what of it.

use std::{
    mem::discriminant,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, GroupOptions, Key, Snapshot, Store, StoreError},
};

use super::{
    Property,
    given::{TENANT, get, key, newest, number, puts, value},
    limits::batch_of,
    threads::{Task, until, wait_for, without_waiting},
};

/// A fresh store that commits in groups, and never for their age, and how a check steers it.
pub trait Grouped: Send + Sync + 'static {
    /// The store.
    fn store(&self) -> &dyn Store;

    /// The bounds of its groups.
    fn options(&self) -> GroupOptions;

    /// A store with the same content, or with none, that commits a group at this age.
    fn committing_after(&self, time: Duration) -> Arc<dyn Grouped>;

    /// The number of writers of a tenant that wait for the turn.
    fn waiting(&self, tenant: TenantId) -> usize;

    /// The number of commits so far.
    fn commits(&self) -> usize;

    /// Has the group that is open meet a fault; false where that cannot be brought about. It is called within a `build`
    /// that has read something.
    fn fail(&self, fault: GroupFault) -> bool;

    /// Ends all faults.
    fn heal(&self);
}

/// A fault that a group meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupFault {
    /// The commit fails, and nothing of it is there.
    LoseCommit,
    /// The commit fails, and its outcome cannot be determined. In truth nothing of it is there.
    DoubtCommit,
    /// The batch of this `build` cannot be added, and the transaction is broken.
    BreakTransaction,
    /// The batch of this `build` cannot be added, for a reason that passes.
    InterruptTransaction,
}

pub(super) type Subject = Arc<dyn Grouped>;
type Answer = Result<Commit, StoreError>;
type Build = Box<dyn Fn(&dyn Snapshot) -> Result<Batch, Abort> + Send>;

pub(super) fn properties() -> Vec<Property<Subject>> {
    vec![
        Property::of(writers_that_wait_share_one_commit),
        Property::of(each_build_sees_what_its_group_has_added),
        Property::of(writers_that_share_a_commit_hear_the_same_outcome),
        Property::of(nobody_is_answered_before_the_commit_is_durable),
        Property::of(a_write_that_saw_a_lost_commit_is_not_answered_by_what_it_saw),
        Property::of(a_lost_write_is_run_again_as_often_as_is_allowed),
        Property::of(only_writers_that_changed_something_hear_of_a_commit_in_doubt),
        Property::of(an_answer_that_rests_on_no_change_of_the_group_stands),
        Property::of(no_group_is_left_open_when_nobody_waits),
        Property::of(a_panic_in_build_loses_no_other_batch_of_the_group),
        Property::of(a_group_takes_at_most_so_many_writes),
        Property::of(a_group_takes_no_more_writes_once_it_has_so_many_bytes),
        Property::of(a_group_takes_no_more_writes_once_its_time_is_up),
        Property::of(a_group_that_changes_nothing_is_not_committed),
        Property::of(a_broken_transaction_is_not_committed_and_the_reason_is_told),
        Property::of(a_broken_transaction_takes_no_more_writes),
        Property::of(a_write_whose_transaction_was_interrupted_is_run_again),
    ]
}

pub(super) fn first() -> Key {
    key(7, b"first")
}

pub(super) fn second() -> Key {
    key(7, b"second")
}

fn put(key: Key) -> Build {
    Box::new(move |_| Ok(puts([(key.clone(), "1")])))
}

/// The ways to end a write without a change.
fn without_change() -> [Build; 3] {
    [
        Box::new(|_| Ok(Batch::new())),
        Box::new(|_| Err(Abort::Refused)),
        Box::new(|_| Err(on_purpose().into())),
    ]
}

fn on_purpose() -> StoreError {
    StoreError::Corrupt { what: "on purpose".to_owned() }
}

fn is_on_purpose(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt { what } if what == "on purpose")
}

/// A write that has been answered.
pub(super) struct Told {
    answer: Answer,
    runs: usize,
    /// True when the last run of `build` saw the first writer's key.
    saw_first: bool,
}

/// Runs a write.
fn tell(subject: &dyn Grouped, mut build: impl FnMut(&dyn Snapshot) -> Result<Batch, Abort>) -> Told {
    let (mut runs, mut saw_first) = (0, false);
    let answer = subject.store().write(TENANT, &mut |newest| {
        runs += 1;
        saw_first = newest.get(&first())?.is_some();
        build(newest)
    });
    Told { answer, runs, saw_first }
}

/// Runs a write that nobody waits for, on a thread of its own.
pub(super) fn alone(
    subject: &Subject,
    build: impl FnMut(&dyn Snapshot) -> Result<Batch, Abort> + Send + 'static,
) -> Told {
    let subject = Arc::clone(subject);
    without_waiting("a lone write", move || tell(&*subject, build))
}

/// Runs writes in one group: the first one stands in its `build` until all others wait for the turn.
fn in_one_group(subject: &Subject, builds: Vec<Build>) -> Vec<thread::Result<Told>> {
    let (building, started) = mpsc::channel();
    let others = builds.len() - 1;
    let start = |(place, build): (usize, Build)| {
        let (subject, building) = (Arc::clone(subject), building.clone());
        Task::start(move || {
            let mut holds = place == 0;
            catch_unwind(AssertUnwindSafe(|| {
                tell(&*subject, |newest| {
                    if std::mem::take(&mut holds) {
                        let _ = building.send(());
                        until("the other writers of a group", || subject.waiting(TENANT) >= others);
                    }
                    build(newest)
                })
            }))
        })
    };
    let mut builds = builds.into_iter().enumerate();
    let mut tasks: Vec<_> = builds.next().map(start).into_iter().collect();
    wait_for(&started);
    tasks.extend(builds.map(start));
    tasks.into_iter().map(|task| task.finish("a write of a group")).collect()
}

/// Runs two writes in one group; the second one's first `build` brings about a fault.
fn in_a_pair(
    subject: &Subject,
    first: Build,
    second: Build,
    fault: Option<GroupFault>,
) -> Option<(Told, Told)> {
    let is_possible = Arc::new(AtomicBool::new(true));
    let (steered, seen) = (Arc::clone(subject), Arc::clone(&is_possible));
    let has_run = AtomicBool::new(false);
    let second: Build = Box::new(move |newest| {
        if let (Some(fault), false) = (fault, has_run.swap(true, Ordering::SeqCst)) {
            seen.store(steered.fail(fault), Ordering::SeqCst);
        }
        second(newest)
    });
    let mut told = in_one_group(subject, vec![first, second]).into_iter();
    let mut next =
        || told.next().expect("two writes have two answers").unwrap_or_else(|panic| resume_unwind(panic));
    let pair = (next(), next());
    subject.heal();
    is_possible.load(Ordering::SeqCst).then_some(pair)
}

fn is_there(subject: &Subject, key: &Key) -> bool {
    value(subject.store(), TENANT, key).is_some()
}

/// Checks that the key of a write is there if, and only if, the write was applied.
#[track_caller]
fn check_truth(subject: &Subject, told: &Told, key: &Key) {
    match &told.answer {
        Ok(Commit::Applied) => assert!(is_there(subject, key), "{key:?} was applied and is not there"),
        Err(StoreError::CommitUnknown { .. }) => panic!("{key:?} is in doubt without a reason"),
        other => assert!(!is_there(subject, key), "{key:?} is there in spite of {other:?}"),
    }
}

/// Checks that a write that changes nothing is not answered by changes that are not there.
#[track_caller]
fn check_seen(subject: &Subject, told: &Told) {
    let is_verdict = told.answer.as_ref().map_or_else(is_on_purpose, |_| true);
    if is_verdict && told.saw_first {
        assert!(is_there(subject, &first()), "{:?} rests on a change that is not there", told.answer);
    }
}

pub(super) fn applied(told: thread::Result<Told>) {
    let told = told.unwrap_or_else(|panic| resume_unwind(panic));
    assert_eq!(told.answer.expect("a healthy store takes a write"), Commit::Applied);
}

fn writers_that_wait_share_one_commit(subject: &Subject) {
    let before = subject.commits();
    let name = |place: u8| key(7, &[place]);
    in_one_group(subject, (0..4).map(|place| put(name(place))).collect()).into_iter().for_each(applied);
    assert_eq!(subject.commits() - before, 1, "commits of four writes");
    assert_eq!(newest(subject.store(), TENANT).len(), 4);
}

fn each_build_sees_what_its_group_has_added(subject: &Subject) {
    let increment = || -> Build {
        Box::new(|newest| {
            let next = number(get(newest, &first())) + 1;
            Ok(puts([(first(), next.to_be_bytes().to_vec())]))
        })
    };
    in_one_group(subject, (0..4).map(|_| increment()).collect()).into_iter().for_each(applied);
    assert_eq!(number(value(subject.store(), TENANT, &first())), 4, "increments in one group");
}

fn writers_that_share_a_commit_hear_the_same_outcome(subject: &Subject) {
    for fault in [None, Some(GroupFault::LoseCommit), Some(GroupFault::DoubtCommit)] {
        let Some((one, other)) = in_a_pair(subject, put(first()), put(second()), fault) else { continue };
        let is_same = match (&one.answer, &other.answer) {
            (Ok(one), Ok(other)) => one == other,
            (Err(one), Err(other)) => discriminant(one) == discriminant(other),
            _ => false,
        };
        assert!(is_same, "after {fault:?} one hears {:?}, the other {:?}", one.answer, other.answer);
        assert_eq!(is_there(subject, &first()), is_there(subject, &second()), "half of a commit");
        remove_both(subject);
    }
}

fn nobody_is_answered_before_the_commit_is_durable(subject: &Subject) {
    let answered = Arc::new(AtomicUsize::new(0));
    let (building, started) = mpsc::channel();
    let (writer, count) = (Arc::clone(subject), Arc::clone(&answered));
    let task = Task::start(move || {
        let told = tell(&*writer, |_| {
            let _ = building.send(());
            until("another writer", || writer.waiting(TENANT) > 0);
            Ok(puts([(first(), "1")]))
        });
        count.fetch_add(1, Ordering::SeqCst);
        told
    });
    wait_for(&started);
    let told = alone(subject, move |_| {
        // A store that answers too early has time to.
        (0..10_000).take_while(|_| answered.load(Ordering::SeqCst) == 0).for_each(|_| thread::yield_now());
        assert_eq!(answered.load(Ordering::SeqCst), 0, "a write was answered while its group was open");
        Err(Abort::Refused)
    });
    assert!(told.saw_first && is_there(subject, &first()), "a refusal was told before what it rests on");
    applied(Ok(task.finish("the first writer of a group")));
}

fn a_write_that_saw_a_lost_commit_is_not_answered_by_what_it_saw(subject: &Subject) {
    for build in without_change() {
        let fault = Some(GroupFault::LoseCommit);
        let Some((one, other)) = in_a_pair(subject, put(first()), build, fault) else { return };
        check_seen(subject, &other);
        check_truth(subject, &one, &first());
        remove_both(subject);
    }
}

fn remove_both(subject: &Subject) {
    let told = alone(subject, |_| {
        let mut batch = Batch::new();
        batch.delete(first());
        batch.delete(second());
        Ok(batch)
    });
    applied(Ok(told));
}

fn a_lost_write_is_run_again_as_often_as_is_allowed(subject: &Subject) {
    let is_possible = Arc::new(AtomicBool::new(true));
    let (steered, seen) = (Arc::clone(subject), Arc::clone(&is_possible));
    let told = alone(subject, move |_| {
        seen.store(steered.fail(GroupFault::LoseCommit), Ordering::SeqCst);
        Ok(puts([(second(), "1")]))
    });
    subject.heal();
    if is_possible.load(Ordering::SeqCst) {
        assert_eq!(told.runs, subject.options().attempts);
        assert!(told.answer.is_err(), "a write that was lost each time is {:?}", told.answer);
        check_truth(subject, &told, &second());
    }
}

fn only_writers_that_changed_something_hear_of_a_commit_in_doubt(subject: &Subject) {
    for build in without_change() {
        let fault = Some(GroupFault::DoubtCommit);
        let Some((one, other)) = in_a_pair(subject, put(first()), build, fault) else { return };
        assert!(matches!(one.answer, Err(StoreError::CommitUnknown { .. })), "{:?}", one.answer);
        assert!(!matches!(other.answer, Err(StoreError::CommitUnknown { .. })), "{:?}", other.answer);
        check_seen(subject, &other);
    }
}

fn an_answer_that_rests_on_no_change_of_the_group_stands(subject: &Subject) {
    for build in without_change() {
        let fault = Some(GroupFault::LoseCommit);
        let Some((one, other)) = in_a_pair(subject, build, put(second()), fault) else { return };
        let stands = one.answer.as_ref().map_or_else(is_on_purpose, |_| true);
        assert!(stands && one.runs == 1, "{:?} after {} runs", one.answer, one.runs);
        check_truth(subject, &other, &second());
        remove_both(subject);
    }
}

fn no_group_is_left_open_when_nobody_waits(subject: &Subject) {
    for build in without_change() {
        let told = in_one_group(subject, vec![put(first()), build]);
        applied(told.into_iter().next().expect("two writes have two answers"));
        assert!(is_there(subject, &first()), "the last writer of a group has not committed it");
        remove_both(subject);
    }
}

fn a_panic_in_build_loses_no_other_batch_of_the_group(subject: &Subject) {
    let panics: Build = Box::new(|_| resume_unwind(Box::new("on purpose")));
    let told = in_one_group(subject, vec![put(first()), panics, put(second())]);
    let [one, panicked, other] = <[_; 3]>::try_from(told).unwrap_or_else(|_| panic!("three writes"));
    let payload = panicked.err().expect("a panic in build reaches its caller");
    assert_eq!(payload.downcast_ref(), Some(&"on purpose"));
    applied(one);
    applied(other);
    assert!(is_there(subject, &first()) && is_there(subject, &second()));
    let told = in_one_group(subject, vec![put(key(7, b"third")), Box::new(|_| resume_unwind(Box::new(())))]);
    applied(told.into_iter().next().expect("two writes have two answers"));
}

fn a_group_takes_at_most_so_many_writes(subject: &Subject) {
    let before = subject.commits();
    let name = |place: usize| key(7, place.to_string().as_bytes());
    let writers = subject.options().members + 1;
    in_one_group(subject, (0..writers).map(|place| put(name(place))).collect()).into_iter().for_each(applied);
    assert_eq!(subject.commits() - before, 2, "commits of {writers} writes");
}

fn a_group_takes_no_more_writes_once_it_has_so_many_bytes(subject: &Subject) {
    let batch = batch_of(subject.options().bytes);
    let full: Build = Box::new(move |_| Ok(batch.clone()));
    let before = subject.commits();
    in_one_group(subject, vec![full, put(second())]).into_iter().for_each(applied);
    assert_eq!(subject.commits() - before, 2, "commits of two writes, of which the first fills a group");
}

fn a_group_takes_no_more_writes_once_its_time_is_up(subject: &Subject) {
    let subject = &subject.committing_after(Duration::from_nanos(1));
    let before = subject.commits();
    in_one_group(subject, vec![put(first()), put(second())]).into_iter().for_each(applied);
    assert_eq!(subject.commits() - before, 2, "commits of two writes, of which the first takes too long");
}

fn a_group_that_changes_nothing_is_not_committed(subject: &Subject) {
    let before = subject.commits();
    let [empty, refuses, fails] = without_change();
    let told = in_one_group(subject, vec![empty, refuses, fails]);
    assert!(told.iter().all(Result::is_ok));
    assert_eq!(subject.commits(), before);
}

fn a_broken_transaction_is_not_committed_and_the_reason_is_told(subject: &Subject) {
    let fault = Some(GroupFault::BreakTransaction);
    let Some((one, other)) = in_a_pair(subject, put(first()), put(second()), fault) else { return };
    check_truth(subject, &one, &first());
    check_truth(subject, &other, &second());
    assert!(matches!(other.answer, Err(StoreError::Backend { .. })), "{:?}", other.answer);
    assert_eq!(other.runs, 1);
}

fn a_broken_transaction_takes_no_more_writes(subject: &Subject) {
    let (runs, is_possible) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let break_second_run = |place: u8| -> Build {
        let (subject, runs, is_possible) = (Arc::clone(subject), Arc::clone(&runs), Arc::clone(&is_possible));
        Box::new(move |_| {
            if runs.fetch_add(1, Ordering::SeqCst) == 1 {
                is_possible.store(subject.fail(GroupFault::BreakTransaction), Ordering::SeqCst);
            }
            Ok(puts([(key(7, &[place]), "1")]))
        })
    };
    let told = in_one_group(subject, (0..4).map(break_second_run).collect());
    if is_possible.load(Ordering::SeqCst) {
        let told: Vec<Told> =
            told.into_iter().map(|told| told.unwrap_or_else(|panic| resume_unwind(panic))).collect();
        let untouched = told.iter().filter(|told| told.runs == 1 && told.answer.is_ok()).count();
        assert_eq!(untouched, 2, "writes behind the one that broke the transaction, and in the next one");
    }
}

fn a_write_whose_transaction_was_interrupted_is_run_again(subject: &Subject) {
    let (steered, has_run) = (Arc::clone(subject), AtomicBool::new(false));
    let told = alone(subject, move |_| {
        if !has_run.swap(true, Ordering::SeqCst) {
            steered.fail(GroupFault::InterruptTransaction);
        }
        Ok(puts([(key(7, b"alone"), "1")]))
    });
    subject.heal();
    check_truth(subject, &told, &key(7, b"alone"));
    assert!(told.answer.is_ok() || subject.options().attempts == 1, "{:?}", told.answer);
    let fault = Some(GroupFault::InterruptTransaction);
    let Some((one, other)) = in_a_pair(subject, put(first()), put(second()), fault) else { return };
    check_truth(subject, &one, &first());
    check_truth(subject, &other, &second());
    assert_eq!(other.answer.is_ok(), subject.options().attempts > 1, "{:?}", other.answer);
}
