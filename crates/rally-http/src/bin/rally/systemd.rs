//! systemd, where the program is a service of it: what it is told, and the sockets that it hands over.

use std::{io, time::Duration};

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::net::TcpListener;

use crate::failure::Failure;

/// The time by which a start may take longer each time that it gets on.
const MORE_TIME: Duration = Duration::from_secs(120);

/// The sockets that systemd listens on for the program: the first is the API's, the second that of the metrics.
pub(crate) struct Sockets(ListenFd);

impl Sockets {
    pub(crate) fn take() -> Self {
        Self(ListenFd::from_env())
    }

    /// A socket by its number, if there are so many.
    pub(crate) fn listener(&mut self, number: usize) -> Result<Option<TcpListener>, Failure> {
        if number >= self.0.len() {
            return Ok(None);
        }
        let taken = self.0.take_tcp_listener(number).and_then(|listener| {
            let listener = listener.ok_or_else(|| io::Error::other("it was taken before"))?;
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        });
        taken.map(Some).map_err(|error| {
            Failure::new(format!("socket {number} of systemd cannot be listened on: {error}"))
        })
    }
}

/// Says that the service is ready.
pub(crate) fn say_ready() {
    say(&[NotifyState::Ready, NotifyState::Status("serving")]);
}

/// Says that the service is about to end.
pub(crate) fn say_stopping() {
    say(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Says what a start waits for, and asks for more time.
pub(crate) fn say_starting(status: &str) {
    let micros = u32::try_from(MORE_TIME.as_micros()).unwrap_or(u32::MAX);
    say(&[NotifyState::Status(status), NotifyState::ExtendTimeoutUsec(micros)]);
}

/// Gives signs of life, as often as they are asked for, until the runtime ends.
pub(crate) fn give_signs_of_life() {
    let Some(period) = sd_notify::watchdog_enabled() else { return };
    tokio::spawn(async move {
        loop {
            say(&[NotifyState::Watchdog]);
            tokio::time::sleep(period / 2).await;
        }
    });
}

/// Without systemd there is nobody to tell.
fn say(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd was not told");
    }
}
