use rally_core::Error;

use crate::{
    app::App,
    blocking::{BoxedWork, on_blocking_thread},
    lanes::{Party, Work},
};

/// The only way from a request to the engine.
impl App {
    /// Does some of the engine's work when it is the party's turn, on a thread that may wait as long as such work does.
    ///
    /// # Errors
    /// Those of the work, and [`Code::Unavailable`](rally_core::Code::Unavailable) when too many wait for a turn.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: Work,
        party: Party,
        act: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> impl Future<Output = Result<T, Error>> + Send {
        self.run_boxed(work, party, Box::new(act))
    }

    async fn run_boxed<T: Send + 'static>(
        &self,
        work: Work,
        party: Party,
        act: BoxedWork<T>,
    ) -> Result<T, Error> {
        let Some(lane) = self.lanes().of(work) else { return act() };
        let place = lane.place(party).await?;
        on_blocking_thread(move || {
            let done = act();
            drop(place);
            done
        })
        .await
    }
}
