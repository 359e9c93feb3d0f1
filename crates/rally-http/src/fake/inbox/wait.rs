use std::time::Duration;

use rally_core::{Event, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Inboxes, Kept, Message};
use crate::fake::{limits, span::spelling};

/// A message to wait for. By default any that an inbox accepts, within an hour of the tenant's clock.
///
/// ```
/// use rally_core::Event;
/// use rally_http::testing::WaitFor;
/// use std::time::Duration;
///
/// let wanted = WaitFor::event(Event::DealWon).with("data.name", "Two looms").within(Duration::from_hours(24));
/// # drop(wanted);
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WaitFor {
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Values of members of the body, by their paths.
    #[serde(rename = "where")]
    members: Option<Map<String, Value>>,
    #[serde(with = "spelling")]
    pub(crate) timeout: Duration,
    #[serde(with = "spelling")]
    pub(crate) patience: Duration,
}

/// The end of a wait.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Waited {
    /// True if a message has come.
    pub matched: bool,
    /// The clock at the end.
    pub now: Timestamp,
    /// The message.
    pub message: Option<Message>,
    /// Messages that were not waited for, if none has come.
    pub near_misses: Vec<NearMiss>,
}

/// A message that was not waited for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NearMiss {
    /// Its number.
    pub number: u64,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Attempts at it so far.
    pub attempts: usize,
    /// The members that differ, each with what was wanted and what came.
    pub missed: Map<String, Value>,
}

impl Default for WaitFor {
    fn default() -> Self {
        Self { kind: None, members: None, timeout: Duration::from_hours(1), patience: Duration::ZERO }
    }
}

impl WaitFor {
    /// Any message.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// An event of a type.
    #[must_use]
    pub fn event(event: Event) -> Self {
        Self { kind: Some(event.as_str().to_owned()), ..Self::default() }
    }

    /// Only one whose body has a value at a path, such as `data.stageId` or `changedFields.0`.
    #[must_use]
    pub fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        self.members.get_or_insert_default().insert(path.to_owned(), value.into());
        self
    }

    /// Moves the tenant's clock by so much at most.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Waits so long in real time for the program under test, at most a minute, when nothing is due.
    #[must_use]
    pub fn patient_for(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The members in which a message differs, each with what was wanted and what came.
    fn missed(&self, message: &Message) -> Map<String, Value> {
        let mut missed = Map::new();
        if let Some(wanted) = self.kind.as_ref().filter(|wanted| message.kind.as_ref() != Some(wanted)) {
            missed.insert("type".to_owned(), json!({ "wanted": wanted, "got": message.kind }));
        }
        for (path, wanted) in self.members.iter().flatten() {
            let got = at(&message.body, path);
            if got != Some(wanted) {
                missed.insert(path.clone(), json!({ "wanted": wanted, "got": got }));
            }
        }
        if missed.is_empty() && !message.is_accepted() {
            missed.insert("answered".to_owned(), json!({ "wanted": "2xx", "got": message.answered }));
        }
        missed
    }
}

/// The value at a path of names and of places in arrays.
fn at<'v>(body: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(body, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    })
}

impl Inboxes {
    /// The first message that matches and that no earlier wait has answered.
    pub(crate) fn take(&self, name: &str, wanted: &WaitFor) -> Option<Message> {
        let mut inboxes = self.0.lock();
        let Kept { messages, taken, .. } = inboxes.get_mut(name)?;
        let matches =
            |message: &&Message| !taken.contains(&message.number) && wanted.missed(message).is_empty();
        let found = messages.iter().find(matches).cloned()?;
        taken.insert(found.number);
        Some(found)
    }

    /// The last messages that no wait has answered, each with what it differs in.
    pub(crate) fn near_misses(&self, name: &str, wanted: &WaitFor) -> Vec<NearMiss> {
        let inboxes = self.0.lock();
        let Some(Kept { messages, taken, .. }) = inboxes.get(name) else { return Vec::new() };
        let open = messages.iter().rev().filter(|message| !taken.contains(&message.number));
        let told = |message: &Message| NearMiss {
            number: message.number,
            kind: message.kind.clone(),
            attempts: message.attempts.len(),
            missed: wanted.missed(message),
        };
        let mut near: Vec<NearMiss> = open.take(limits::NEAR_MISSES).map(told).collect();
        near.reverse();
        near
    }
}
