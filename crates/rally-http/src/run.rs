use rally_core::Error;

use crate::{app::App, blocking::on_blocking_thread, config::WorkOn};

/// The only way from a request to the engine.
impl App {
    /// Runs the engine's work on a read, on a thread that may wait if reads of the store do.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        match self.config().work_on {
            WorkOn::ServingThread | WorkOn::BlockingThreadsForWrites => work(),
            WorkOn::BlockingThreads => on_blocking_thread(work).await,
        }
    }

    /// Runs the engine's work on a read that may take long, on a thread that no other request waits for.
    pub(crate) async fn read_much<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.write(work).await
    }

    /// Runs the engine's work on a write, on a thread that may wait if writes of the store do.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        match self.config().work_on {
            WorkOn::ServingThread => work(),
            WorkOn::BlockingThreads | WorkOn::BlockingThreadsForWrites => on_blocking_thread(work).await,
        }
    }
}
