use parking_lot::Mutex;
use rally_core::{Code, Engine, Error, Timestamp};
use tokio::sync::watch;

use crate::limits;

/// The readiness of the store, asked for at most once at a time and once a second, however many ask.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    last: Mutex<Option<Answer>>,
}

/// The answer to the last question and its instant; `None` while the store has not answered. The question goes on when
/// those who asked have left, so that a store that does not answer is asked once.
type Answer = watch::Receiver<Option<(Timestamp, Result<(), Error>)>>;

impl Readiness {
    /// The store's answer, which is at most a second old, or that of `ask` now.
    ///
    /// # Errors
    /// That of the store, or [`Code::Unavailable`] when it takes too long.
    pub(crate) async fn check(
        &self,
        engine: &Engine,
        ask: impl Future<Output = Result<(), Error>> + Send + 'static,
    ) -> Result<(), Error> {
        let mut answer = self.last_or_next(engine, ask);
        let answered = tokio::time::timeout(limits::READINESS_PATIENCE, answer.wait_for(Option::is_some));
        let Ok(answered) = answered.await else {
            return Err(Error::new(Code::Unavailable, "the store takes too long to answer"));
        };
        match &*answered.map_err(Error::internal)? {
            Some((_, result)) => result.clone(),
            None => Err(Error::internal("an answer has been waited for")),
        }
    }

    fn last_or_next(
        &self,
        engine: &Engine,
        ask: impl Future<Output = Result<(), Error>> + Send + 'static,
    ) -> Answer {
        let mut last = self.last.lock();
        match &*last {
            Some(answer) if is_good(answer, engine.clock().now()) => answer.clone(),
            _ => {
                let (tell, told) = watch::channel(None);
                let engine = engine.clone();
                tokio::spawn(async move {
                    let result = ask.await;
                    tell.send_replace(Some((engine.clock().now(), result)));
                });
                *last = Some(told.clone());
                told
            }
        }
    }
}

/// True for an answer that is still to come, and for one that is not too old.
fn is_good(answer: &Answer, now: Timestamp) -> bool {
    match &*answer.borrow() {
        Some((at, _)) => *at <= now && now < at.plus_micros(limits::READINESS_MICROS),
        // The other end is gone if the question ended in a panic.
        None => answer.has_changed().is_ok(),
    }
}
