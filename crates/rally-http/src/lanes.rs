//! Lanes for the engine's work: each does so much at once and lets so much wait, and parties take turns, so that one with
//! much to do delays another by little.

use std::{collections::HashMap, fmt, sync::Arc};

use parking_lot::Mutex;
use rally_core::{Code, Error, TenantId, schema::RoundRobin};
use tokio::sync::oneshot;

use crate::config::{Config, LaneOptions, WorkOn};

/// A kind of the engine's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// A read that costs little: one record, or a page at an offset.
    Read,
    /// A read whose cost follows what it looks through: a search, a filter, a sum, the feed.
    LongRead,
    /// A write of one record.
    Write,
    /// A deletion with its links, or a write that hashes a password.
    LongWrite,
    /// A bulk, which is read, judged and put together before it waits for the store.
    Bulk,
    /// A file of all that a query asks for, which lasts as long as its reader takes.
    Export,
    /// A file of records that come in, or the rehearsal of one.
    Import,
}

/// The lanes of the work of engines. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Lanes {
    work_on: WorkOn,
    reads: Lane,
    long_reads: Lane,
    writes: Lane,
    bulks: Lane,
    exports: Lane,
    imports: Lane,
    feed_waits: Lane,
}

/// A lane, in which work is done for parties in turn.
#[derive(Clone)]
pub(crate) struct Lane(Arc<Shared>);

/// The party that work is done for. Parties take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Party {
    Tenant(TenantId),
    /// A caller whose tenant is not known yet, by a digest of its credential.
    Stranger(u64),
    /// The operator of the server.
    Operator,
}

struct Shared {
    options: LaneOptions,
    state: Mutex<State>,
}

/// Invariant: nobody waits who may begin.
#[derive(Default)]
struct State {
    running: usize,
    /// Those of parties that have any.
    running_of: HashMap<Party, usize>,
    waiting: RoundRobin<Party, oneshot::Sender<Place>>,
}

/// A place in a lane, which is free again when this is dropped. It goes where the work is done, so that a caller who
/// leaves does not free it early.
pub(crate) struct Place {
    lane: Arc<Shared>,
    party: Party,
}

impl Lanes {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            work_on: config.work_on,
            reads: Lane::new(config.reads),
            long_reads: Lane::new(config.long_reads),
            writes: Lane::new(config.writes),
            bulks: Lane::new(config.bulks),
            exports: Lane::new(config.exports),
            imports: Lane::new(config.imports),
            feed_waits: Lane::new(LaneOptions { waiting: 0, waiting_a_tenant: 0, ..config.feed_waits }),
        }
    }

    /// The places of requests that wait for a change of the feed.
    pub(crate) const fn feed_waits(&self) -> &Lane {
        &self.feed_waits
    }

    /// The lane of some work; `None` if it is done on the thread that serves the connection.
    pub(crate) fn of(&self, work: Work) -> Option<&Lane> {
        match (work, self.work_on) {
            (Work::Read, WorkOn::ServingThread | WorkOn::BlockingThreadsForWrites)
            | (Work::Write, WorkOn::ServingThread) => None,
            (Work::Read, WorkOn::BlockingThreads) => Some(&self.reads),
            (Work::LongRead, _) => Some(&self.long_reads),
            (Work::Write | Work::LongWrite, _) => Some(&self.writes),
            (Work::Bulk, _) => Some(&self.bulks),
            (Work::Export, _) => Some(&self.exports),
            (Work::Import, _) => Some(&self.imports),
        }
    }
}

impl Lane {
    pub(crate) fn new(options: LaneOptions) -> Self {
        Self(Arc::new(Shared { options, state: Mutex::default() }))
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when too many wait already.
    pub(crate) async fn place(&self, party: Party) -> Result<Place, Error> {
        let called = {
            let mut state = self.0.state.lock();
            if may_begin(&self.0.options, state.running, &state.running_of, party) {
                state.begin(party);
                return Ok(Place { lane: Arc::clone(&self.0), party });
            }
            state.wait(&self.0.options, party)?
        };
        called.await.map_err(Error::internal)
    }
}

impl State {
    fn begin(&mut self, party: Party) {
        self.running += 1;
        *self.running_of.entry(party).or_default() += 1;
    }

    fn end(&mut self, party: Party) {
        self.running = self.running.saturating_sub(1);
        if let Some(running) = self.running_of.get_mut(&party) {
            *running = running.saturating_sub(1);
            if *running == 0 {
                self.running_of.remove(&party);
            }
        }
    }

    fn wait(&mut self, options: &LaneOptions, party: Party) -> Result<oneshot::Receiver<Place>, Error> {
        if self.waiting.len_of(&party) >= options.waiting_a_tenant {
            return Err(Error::new(
                Code::Unavailable,
                "too many requests of this tenant wait; send fewer at once",
            ));
        }
        if self.waiting.len() >= options.waiting {
            return Err(Error::new(Code::Unavailable, "too many requests wait; try again"));
        }
        let (call, called) = oneshot::channel();
        self.waiting.push(party, call);
        Ok(called)
    }

    /// Begins the next work that may begin, if its caller is still there.
    fn next(&mut self, options: &LaneOptions) -> Option<(Party, oneshot::Sender<Place>)> {
        loop {
            let State { running, running_of, waiting } = self;
            let (party, call) = waiting.pop_of(|party| may_begin(options, *running, running_of, *party))?;
            if !call.is_closed() {
                self.begin(party);
                return Some((party, call));
            }
        }
    }
}

fn may_begin(
    options: &LaneOptions,
    running: usize,
    running_of: &HashMap<Party, usize>,
    party: Party,
) -> bool {
    let of_party = running_of.get(&party).copied().unwrap_or(0);
    running < options.at_once.max(1) && of_party < options.at_once_a_tenant.max(1)
}

impl Drop for Place {
    fn drop(&mut self) {
        let next = {
            let mut state = self.lane.state.lock();
            state.end(self.party);
            state.next(&self.lane.options)
        };
        if let Some((party, call)) = next {
            // One who has just left gives the place back by dropping it.
            drop(call.send(Place { lane: Arc::clone(&self.lane), party }));
        }
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("options", &self.0.options).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use futures_util::{FutureExt, future::BoxFuture};

    use super::*;

    const A: Party = Party::Stranger(1);
    const B: Party = Party::Stranger(2);
    const C: Party = Party::Stranger(3);

    type Waiting = BoxFuture<'static, Result<Place, Error>>;

    fn lane(at_once: usize, at_once_a_tenant: usize) -> Lane {
        Lane::new(LaneOptions { at_once, at_once_a_tenant, waiting: 4, waiting_a_tenant: 3 })
    }

    fn ask(lane: &Lane, party: Party) -> Waiting {
        let lane = Lane(Arc::clone(&lane.0));
        let mut asked: Waiting = Box::pin(async move { lane.place(party).await });
        // Polled once, it stands in its line.
        match Pin::new(&mut asked).now_or_never() {
            Some(done) => Box::pin(async { done }),
            None => asked,
        }
    }

    /// The place, if it has been given.
    fn given(waiting: &mut Waiting) -> Option<Place> {
        waiting.now_or_never().map(|place| place.ok().unwrap())
    }

    fn refused(mut waiting: Waiting) -> bool {
        let done = (&mut waiting).now_or_never();
        done.is_some_and(|place| place.err().map(|error| error.code()) == Some(Code::Unavailable))
    }

    #[tokio::test]
    async fn one_party_never_has_all_places() {
        let lane = lane(2, 1);
        let place = given(&mut ask(&lane, A)).unwrap();
        let mut more = ask(&lane, A);
        assert!(given(&mut more).is_none());
        let other = given(&mut ask(&lane, B)).unwrap();
        let mut third = ask(&lane, C);
        assert!(given(&mut third).is_none());
        drop(other);
        assert!(given(&mut more).is_none(), "the party has the places that it may have");
        assert!(given(&mut third).is_some());
        drop(place);
        assert!(given(&mut more).is_some());
    }

    #[tokio::test]
    async fn parties_take_turns() {
        let lane = lane(1, 1);
        let place = given(&mut ask(&lane, C)).unwrap();
        let [mut first, mut second, mut third] = [A, A, B].map(|party| ask(&lane, party));
        drop(place);
        let place = given(&mut first).unwrap();
        drop(place);
        assert!(given(&mut second).is_none());
        let place = given(&mut third).unwrap();
        drop(place);
        assert!(given(&mut second).is_some());
        assert!(lane.0.state.lock().running_of.is_empty());
    }

    #[tokio::test]
    async fn no_more_wait_than_may_and_no_more_of_one_party() {
        let lane = lane(1, 1);
        let _place = given(&mut ask(&lane, A)).unwrap();
        let waiting: Vec<_> = (0..3).map(|_| ask(&lane, A)).collect();
        assert!(refused(ask(&lane, A)), "of one party");
        let mut other = ask(&lane, B);
        assert!(given(&mut other).is_none());
        assert!(refused(ask(&lane, C)), "in all");
        drop(waiting);
    }

    #[tokio::test]
    async fn who_leaves_holds_nobody_up() {
        let lane = lane(1, 1);
        let place = given(&mut ask(&lane, A)).unwrap();
        let [leaving, called] = [A, B].map(|party| ask(&lane, party));
        let mut last = ask(&lane, C);
        drop(leaving);
        drop(place);
        // This one leaves when it has been called already.
        drop(called);
        assert!(given(&mut last).is_some());
    }
}
