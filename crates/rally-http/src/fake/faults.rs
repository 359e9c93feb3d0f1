//! Faults that a test arms: at which request they happen, at which point of it, and what they do.

mod armed;
mod body;

use std::time::Duration;

use rally_core::{Event, Faults as Wrong};
use serde::{Deserialize, Serialize};

pub use self::armed::ArmedFault;
pub(crate) use self::armed::{Armory, Seen, Struck};
pub(super) use self::body::{slowed, truncated};
use super::{limits, routes, span::spelling};

/// A fault of a tenant. By default it happens once, at the first request that matches, and all match.
///
/// ```
/// use rally_http::testing::{Fake, Fault, FaultAction, FaultPoint};
///
/// let rally = Fake::start();
/// let lost = Fault::new(FaultPoint::AfterCommit, FaultAction::Reset { at: 0 }).route("POST", "/deals");
/// rally.arm(lost)?;
/// // … the program under test makes a deal, never hears of it, and tries again …
/// assert!(rally.verify_faults().is_err(), "nothing has been asked for yet");
/// # Ok::<(), rally_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fault {
    pub(super) point: FaultPoint,
    pub(super) action: FaultAction,
    #[serde(rename = "match", default)]
    pub(super) matches: Match,
    /// Number of times; `None` for ever.
    #[serde(default = "once")]
    pub(super) times: Option<u64>,
}

/// The point at which a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultPoint {
    /// The request has come, and nothing was done.
    Before,
    /// The write is committed, and its answer is lost.
    AfterCommit,
    /// The answer's body is on its way.
    Body,
    /// The bytes of the answer are on their way, its head included.
    Wire,
    /// An event is sent to a webhook.
    Webhook,
}

/// The doing of a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum FaultAction {
    /// Another answer.
    Status {
        /// The status: 400, 401, 403, 404, 429, 500 or 503; at a webhook any from 200 to 599.
        status: u16,
        /// Seconds of `Retry-After`.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// An answer that comes later.
    Delay {
        /// The time, in real time; at a webhook it is the attempt's own, by the tenant's clock.
        #[serde(with = "spelling")]
        by: Duration,
    },
    /// A connection that is reset. At a webhook the receiver has heard the event by then.
    Reset {
        /// Bytes of the answer that come before, at the point `wire`.
        #[serde(default)]
        at: usize,
    },
    /// A connection that is closed without an answer. At a webhook the receiver hears nothing.
    Drop,
    /// A connection that is closed after so many bytes.
    Truncate {
        /// Bytes of the body, or of the whole answer at the point `wire`.
        at: usize,
    },
    /// An answer that comes in pieces.
    Slow {
        /// Bytes of a piece.
        bytes: usize,
        /// The time before each piece.
        #[serde(with = "spelling")]
        pause: Duration,
    },
    /// An event that is sent twice.
    Duplicate,
}

/// The requests that a fault is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Match {
    pub(super) method: Option<String>,
    /// A route of the API, or the name of an inbox.
    pub(super) route: Option<String>,
    pub(super) credential: Option<String>,
    pub(super) event: Option<String>,
    pub(super) nth: u64,
    pub(super) every: u64,
}

impl Default for Match {
    fn default() -> Self {
        Self { method: None, route: None, credential: None, event: None, nth: 1, every: 1 }
    }
}

const fn once() -> Option<u64> {
    Some(1)
}

/// Statuses that an answer of the API may get by a fault.
const STATUSES: [u16; 7] = [400, 401, 403, 404, 429, 500, 503];

impl Fault {
    /// A fault that happens once, at the first request.
    #[must_use]
    pub fn new(point: FaultPoint, action: FaultAction) -> Self {
        Self { point, action, matches: Match::default(), times: once() }
    }

    /// An answer with that status in place of the work: 400, 401, 403, 404, 429, 500 or 503.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::new(FaultPoint::Before, FaultAction::Status { status, retry_after: None })
    }

    /// A write that happens and whose answer is lost with its connection.
    #[must_use]
    pub fn lost_answer() -> Self {
        Self::new(FaultPoint::AfterCommit, FaultAction::Reset { at: 0 })
    }

    /// Only requests of this method and route of the API's document, such as `/deals/{id}/stage`.
    #[must_use]
    pub fn route(mut self, method: &str, route: &str) -> Self {
        self.matches.method = Some(method.to_owned());
        self.matches.route = Some(route.to_owned());
        self
    }

    /// Only requests with an API key that begins so.
    #[must_use]
    pub fn credential(mut self, beginning: &str) -> Self {
        self.matches.credential = Some(beginning.to_owned());
        self
    }

    /// Only events of this type, to this inbox; at the point `webhook`.
    #[must_use]
    pub fn event(mut self, event: Event, inbox: &str) -> Self {
        self.matches.event = Some(event.as_str().to_owned());
        self.matches.route = Some(inbox.to_owned());
        self
    }

    /// From the so-manieth matching request on.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.matches.nth = nth;
        self
    }

    /// At each so-manieth matching request, for ever.
    #[must_use]
    pub fn every(mut self, every: u64) -> Self {
        self.matches.every = every;
        self.times = None;
        self
    }

    /// So often.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Checks all of it.
    fn check(&self) -> Wrong {
        let mut wrong = Wrong::new();
        let Match { method, route, event, nth, every, .. } = &self.matches;
        if self.point == FaultPoint::Webhook {
            if method.is_some() {
                wrong.add("match.method", "goes with requests to the API, not with webhooks");
            }
            if event.as_ref().is_some_and(|event| event.parse::<Event>().is_err()) {
                wrong.add("match.event", "must be a type of event");
            }
        } else {
            check_route(method.as_deref(), route.as_deref(), &mut wrong);
            if event.is_some() {
                wrong.add("match.event", "goes with the point webhook alone");
            }
        }
        for (member, number) in
            [("match.nth", *nth), ("match.every", *every), ("times", self.times.unwrap_or(1))]
        {
            if number == 0 {
                wrong.add(member, "must be at least 1");
            }
        }
        self.check_action(&mut wrong);
        wrong
    }

    fn check_action(&self, wrong: &mut Wrong) {
        use FaultAction::{Delay, Drop, Duplicate, Reset, Slow, Status, Truncate};
        use FaultPoint::{AfterCommit, Before, Body, Webhook, Wire};
        let fits = matches!(
            (self.point, &self.action),
            (Before | AfterCommit, Status { .. } | Delay { .. } | Reset { at: 0 } | Drop)
                | (Body, Truncate { .. } | Slow { .. })
                | (Wire, Reset { .. } | Truncate { .. })
                | (Webhook, Status { .. } | Delay { .. } | Reset { at: 0 } | Drop | Duplicate)
        );
        if !fits {
            wrong.add("action", "does not go with this point; FAKE.md has the table");
        }
        match &self.action {
            Status { status, .. } if self.point != Webhook && !STATUSES.contains(status) => {
                wrong.add("action.status", "must be 400, 401, 403, 404, 429, 500 or 503");
            }
            Status { status, .. } if !(200..600).contains(status) => {
                wrong.add("action.status", "must be from 200 to 599");
            }
            Delay { by } if *by > limits::DELAY => wrong.add("action.by", "must be at most a minute"),
            Slow { bytes: 0, .. } => wrong.add("action.bytes", "must be at least 1"),
            Slow { pause, .. } if *pause > limits::PAUSE => {
                wrong.add("action.pause", "must be at most ten seconds");
            }
            _ => {}
        }
    }
}

fn check_route(method: Option<&str>, route: Option<&str>, wrong: &mut Wrong) {
    match (method, route) {
        (Some(method), _) if !routes::is_method(method) => {
            wrong.add("match.method", "must be a method of the API: GET, POST, PUT, PATCH or DELETE");
        }
        (method, Some(route)) if !routes::is_known(route, method) => {
            let phrase =
                "must be a path of the API's document without /api/v1, such as /deals/{id}, with that method";
            wrong.add("match.route", phrase);
        }
        _ => {}
    }
}
