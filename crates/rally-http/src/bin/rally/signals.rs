use std::{io, thread};

use tokio::sync::watch;

use crate::failure::Failure;

/// The requests of the operator that the process end.
#[derive(Clone)]
pub(crate) struct Signals(watch::Receiver<Asked>);

/// The requests so far.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    times: u32,
    /// The first one.
    first: Request,
}

/// A request to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Request {
    /// That of a supervisor, who has time.
    #[default]
    Terminate,
    /// That of a person at a terminal, or the end of standard input.
    Interrupt,
}

impl Asked {
    fn ask(&mut self, request: Request) {
        if self.times == 0 {
            self.first = request;
        }
        self.times += 1;
    }
}

/// The other way to be asked to stop: the end of standard input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum StandardInput {
    Ignored,
    Watched,
}

impl Signals {
    /// Takes the signals from now on, instead of dying of them.
    pub(crate) fn take(input: StandardInput) -> Result<Self, Failure> {
        let (count, counted) = watch::channel(Asked::default());
        if input == StandardInput::Watched {
            let count = count.clone();
            let watch = move || {
                // An input that cannot be read has ended as well.
                drop(io::copy(&mut io::stdin(), &mut io::sink()));
                count.send_modify(|asked| asked.ask(Request::Interrupt));
            };
            let started = thread::Builder::new().name("rally-stdin".to_owned()).spawn(watch);
            started.map_err(|error| Failure::new(format!("cannot watch standard input: {error}")))?;
        }
        let mut signals =
            Taken::new().map_err(|error| Failure::new(format!("cannot be asked to stop: {error}")))?;
        tokio::spawn(async move {
            loop {
                let request = signals.next().await;
                count.send_modify(|asked| asked.ask(request));
            }
        });
        Ok(Self(counted))
    }

    /// Waits for the first request, which lets running requests finish.
    pub(crate) async fn stop(self) -> Request {
        self.wait_for(1).await
    }

    /// Waits for the second request, which does not.
    pub(crate) async fn hurry(self) {
        let _first = self.wait_for(2).await;
    }

    async fn wait_for(mut self, times: u32) -> Request {
        // The sender lives as long as the runtime.
        self.0.wait_for(|asked| asked.times >= times).await.map(|asked| asked.first).unwrap_or_default()
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

    async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::Terminate,
            _ = self.interrupt.recv() => Request::Interrupt,
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

    async fn next(&mut self) -> Request {
        drop(tokio::signal::ctrl_c().await);
        Request::Interrupt
    }
}
