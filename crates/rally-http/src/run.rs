use rally_core::Error;

use crate::app::{App, WorkOn};

/// This is the only way from a request to the engine.
impl App {
    /// Runs the engine's work on a request that changes nothing where it may wait.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        match self.config().work_on {
            WorkOn::ServingThread | WorkOn::BlockingThreadsForWrites => work(),
            WorkOn::BlockingThreads => elsewhere(work).await,
        }
    }

    /// Runs the engine's work on a request that changes nothing and may take long, where others need not wait for it.
    pub(crate) async fn read_much<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.write(work).await
    }

    /// Runs the engine's work on any other request where it may wait.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        match self.config().work_on {
            WorkOn::ServingThread => work(),
            WorkOn::BlockingThreads | WorkOn::BlockingThreadsForWrites => elsewhere(work).await,
        }
    }
}

/// Runs work on a thread that may wait.
pub(crate) async fn elsewhere<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    // It ends without a result only by a panic, which the log is to have.
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panicked| Err(Error::internal(panicked)))
}
