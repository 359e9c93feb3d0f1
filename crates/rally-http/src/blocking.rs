use rally_core::Error;

/// Work for a thread that may wait. A box, as the runtime's part in it is compiled anew for each type of work.
pub(crate) type BoxedWork<T> = Box<dyn FnOnce() -> Result<T, Error> + Send>;

/// Runs work on a thread that may wait.
pub(crate) async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let work: BoxedWork<T> = Box::new(work);
    // The only way to no result is a panic, which belongs in the log.
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panicked) => Err(Error::internal(panicked)),
    }
}
