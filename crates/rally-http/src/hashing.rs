//! Turns at hashing passwords, which takes a processor and 19 MiB for some tens of milliseconds each.

mod asker;
mod line;

use std::{fmt, sync::Arc};

use parking_lot::Mutex;
use rally_core::{Code, Error};
use tokio::sync::oneshot;

pub(crate) use self::asker::{Asker, Standing};
use self::line::Line;

/// The one place where passwords are hashed, for logins and for users that are written. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Hashing(Arc<Shared>);

struct Shared {
    at_once: usize,
    state: Mutex<State>,
}

/// Invariant: nobody waits while fewer than `at_once` turns run.
struct State {
    running: usize,
    line: Line<oneshot::Sender<Turn>>,
}

/// A turn, which ends when this is dropped. It goes where the hashing is done, so that a caller who leaves does not end
/// it early.
pub(crate) struct Turn(Arc<Shared>);

impl Hashing {
    /// At most `at_once` turns at once, and one at least. Of those of each standing at most `most_waiting` wait.
    pub(crate) fn new(at_once: usize, most_waiting: usize) -> Self {
        let at_once = at_once.max(1);
        let state = State { running: 0, line: Line::new(most_waiting) };
        Self(Arc::new(Shared { at_once, state: Mutex::new(state) }))
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when too many wait already.
    pub(crate) async fn turn(&self, asker: Asker) -> Result<Turn, Error> {
        let (go, gone) = oneshot::channel();
        let refused = {
            let mut state = self.0.state.lock();
            if state.running < self.0.at_once {
                state.running += 1;
                state.line.note(&asker);
                return Ok(Turn(Arc::clone(&self.0)));
            }
            state.line.join(asker, go)
        };
        // Whoever is refused learns it by the end of the channel.
        drop(refused);
        gone.await.map_err(|_| busy())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut state = self.0.state.lock();
            let next = state.line.next();
            if next.is_none() {
                state.running = state.running.saturating_sub(1);
            }
            next
        };
        if let Some(go) = next {
            // One who has just left gives the turn back by dropping it.
            drop(go.send(Turn(Arc::clone(&self.0))));
        }
    }
}

impl line::Payload for oneshot::Sender<Turn> {
    fn has_left(&self) -> bool {
        self.is_closed()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("at_once", &self.at_once).finish_non_exhaustive()
    }
}

fn busy() -> Error {
    Error::new(Code::Unavailable, "too many logins at once; try again")
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, pin::pin};

    use futures_util::FutureExt;

    use super::*;

    fn asker(standing: Standing, number: u8) -> Asker {
        Asker { standing, source: IpAddr::from([192, 0, 2, number]), tenant: "acme".to_owned() }
    }

    #[tokio::test]
    async fn a_turn_passes_to_the_next_when_it_is_dropped() {
        let hashing = Hashing::new(1, 2);
        let first = hashing.turn(asker(Standing::Unknown, 1)).await.unwrap();
        let mut second = pin!(hashing.turn(asker(Standing::Unknown, 2)));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        let second = second.now_or_never().unwrap();
        let mut third = pin!(hashing.turn(asker(Standing::Unknown, 3)));
        assert!((&mut third).now_or_never().is_none());
        drop(second);
        assert!(third.now_or_never().is_some());
    }

    #[tokio::test]
    async fn one_who_leaves_while_waiting_holds_nobody_up() {
        let hashing = Hashing::new(1, 2);
        let first = hashing.turn(asker(Standing::Unknown, 1)).await.unwrap();
        {
            let mut leaving = pin!(hashing.turn(asker(Standing::Unknown, 2)));
            assert!((&mut leaving).now_or_never().is_none());
        }
        let mut third = pin!(hashing.turn(asker(Standing::Unknown, 3)));
        assert!((&mut third).now_or_never().is_none());
        drop(first);
        assert!(third.now_or_never().is_some());
    }

    #[tokio::test]
    async fn one_who_leaves_when_called_gives_the_turn_to_the_next() {
        let hashing = Hashing::new(1, 2);
        let first = hashing.turn(asker(Standing::Unknown, 1)).await.unwrap();
        let mut leaving = Box::pin(hashing.turn(asker(Standing::Unknown, 2)));
        let mut third = pin!(hashing.turn(asker(Standing::Unknown, 3)));
        assert!((&mut leaving).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        drop(first);
        drop(leaving);
        assert!(third.now_or_never().is_some());
    }

    #[tokio::test]
    async fn one_too_many_is_told_so_and_the_known_have_places_of_their_own() {
        let hashing = Hashing::new(1, 2);
        let _first = hashing.turn(asker(Standing::Unknown, 1)).await.unwrap();
        let mut waiting: Vec<_> =
            (2..4).map(|number| Box::pin(hashing.turn(asker(Standing::Unknown, number)))).collect();
        for waiter in &mut waiting {
            assert!(waiter.now_or_never().is_none());
        }
        let refused = hashing.turn(asker(Standing::Unknown, 4)).now_or_never().unwrap();
        assert_eq!(refused.err().map(|error| error.code()), Some(Code::Unavailable));
        assert!(hashing.turn(asker(Standing::Known, 5)).now_or_never().is_none());
    }
}
