use rally_core::Error;

use crate::{
    app::App,
    blocking::on_blocking_thread,
    lanes::{Party, Work},
};

/// The only way from a request to the engine.
impl App {
    /// Does some of the engine's work when it is the party's turn, on a thread that may wait as long as such work does.
    ///
    /// # Errors
    /// Those of the work, and [`Code::Unavailable`](rally_core::Code::Unavailable) when too many wait for a turn.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: Work,
        party: Party,
        act: impl FnOnce() -> Result<T, Error> + Send + 'static,
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
