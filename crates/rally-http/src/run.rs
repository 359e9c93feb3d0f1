use rally_core::Error;

use crate::app::{App, WorkOn};

impl App {
    /// Runs the engine's work where it may wait. This is the only way from a request to the engine.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        match self.config().work_on {
            WorkOn::ServingThread => work(),
            WorkOn::BlockingThreads => {
                // It ends without a result only by a panic, which the log is to have.
                let done = tokio::task::spawn_blocking(work).await;
                done.unwrap_or_else(|panicked| Err(Error::internal(panicked)))
            }
        }
    }
}
