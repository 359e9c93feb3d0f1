use std::{io, thread};

use tokio::sync::watch;

use crate::failure::Failure;

/// The requests of the operator that the process end.
#[derive(Clone)]
pub(crate) struct Signals(watch::Receiver<u32>);

/// The other way to be asked to stop: the end of standard input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum StandardInput {
    Ignored,
    Watched,
}

impl Signals {
    /// Takes the signals from now on, instead of dying of them.
    pub(crate) fn take(input: StandardInput) -> Result<Self, Failure> {
        let (count, counted) = watch::channel(0);
        if input == StandardInput::Watched {
            let count = count.clone();
            let watch = move || {
                // An input that cannot be read has ended as well.
                drop(io::copy(&mut io::stdin(), &mut io::sink()));
                count.send_modify(|count| *count += 1);
            };
            let started = thread::Builder::new().name("rally-stdin".to_owned()).spawn(watch);
            started.map_err(|error| Failure::new(format!("cannot watch standard input: {error}")))?;
        }
        let mut signals =
            Taken::new().map_err(|error| Failure::new(format!("cannot be asked to stop: {error}")))?;
        tokio::spawn(async move {
            loop {
                signals.next().await;
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(Self(counted))
    }

    /// Waits for the first request, which lets running requests finish.
    pub(crate) async fn stop(self) {
        self.wait_for(1).await;
    }

    /// Waits for the second request, which does not.
    pub(crate) async fn hurry(self) {
        self.wait_for(2).await;
    }

    async fn wait_for(mut self, times: u32) {
        // The sender lives as long as the runtime.
        drop(self.0.wait_for(|count| *count >= times).await);
    }
}

/// Lets the process outlive the terminal that it was started from.
#[cfg(unix)]
pub(crate) fn ignore_hangup() -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    // Taking the signal is enough, and it stays taken.
    let taken = signal(SignalKind::hangup());
    taken.map(drop).map_err(|error| Failure::new(format!("cannot outlive its terminal: {error}")))
}

#[cfg(not(unix))]
pub(crate) fn ignore_hangup() -> Result<(), Failure> {
    Ok(())
}

#[cfg(unix)]
struct Taken {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Taken {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Taken;

#[cfg(not(unix))]
impl Taken {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        drop(tokio::signal::ctrl_c().await);
    }
}
