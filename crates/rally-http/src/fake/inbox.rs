//! Receivers of a tenant's webhooks that are its own: they answer by a script, and a test waits for what they get.

mod wait;

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    time::Duration,
};

use parking_lot::Mutex;
use rally_core::{Code, Error, Faults, Id, Timestamp, Webhook};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub use self::wait::{NearMiss, WaitFor, Waited};
use super::{limits, span::spelling};

/// An answer of an inbox: a status, and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InboxAnswer {
    /// The status.
    pub status: u16,
    /// The time that it takes, by the tenant's clock; from 15 seconds on it comes too late.
    #[serde(with = "spelling")]
    pub delay: Duration,
    /// Seconds of `Retry-After`.
    pub retry_after: Option<u32>,
    /// The body.
    pub body: Option<String>,
}

/// A message that has come to an inbox.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its number in the inbox, from 1 on.
    pub number: u64,
    /// The instant, by the tenant's clock.
    pub at: Timestamp,
    /// The header `webhook-id`, which is the same at each attempt.
    pub id: Option<String>,
    /// The type of the event.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The body: JSON, or a text if it is none.
    pub body: Value,
    /// The headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The check of its signature.
    pub signature: Signature,
    /// The status that the inbox has answered; `None` if that came too late.
    pub answered: Option<u16>,
    /// The webhook.
    pub webhook_id: Option<Id<Webhook>>,
    /// The attempts at this event so far, this one included.
    pub attempts: Vec<InboxAttempt>,
}

/// An attempt to deliver an event to an inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct InboxAttempt {
    /// The instant, by the tenant's clock.
    pub at: Timestamp,
    /// The status that the inbox has answered; `None` if that came too late.
    pub status: Option<u16>,
}

/// The check of a message's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Signature {
    /// It is that of the webhook's secret.
    Verified,
    /// It is not.
    Wrong,
    /// The message is a plain request, and no event of a webhook.
    None,
}

/// An inbox as it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inbox {
    /// Its name.
    pub name: String,
    /// Its URL.
    pub url: String,
    /// The answers that are to come; the last one stands for all later ones.
    pub answers: Vec<InboxAnswer>,
    /// The messages, oldest first.
    pub messages: Vec<Message>,
}

/// The inboxes of a tenant.
#[derive(Debug, Default)]
pub(crate) struct Inboxes(Mutex<BTreeMap<String, Kept>>);

#[derive(Debug, Default)]
struct Kept {
    answers: VecDeque<InboxAnswer>,
    messages: VecDeque<Message>,
    bytes: usize,
    came: u64,
    /// Numbers of the messages that were waited for.
    taken: HashSet<u64>,
}

impl Inboxes {
    /// Has an inbox answer so from now on.
    pub(crate) fn script(&self, name: &str, answers: Vec<InboxAnswer>) -> Result<(), Error> {
        let is_status = |answer: &InboxAnswer| (200..600).contains(&answer.status);
        if answers.len() > limits::ANSWERS || !answers.iter().all(is_status) {
            let phrase =
                format!("must be at most {} answers, each of a status from 200 to 599", limits::ANSWERS);
            return Err(Faults::one("answers", phrase).into());
        }
        self.with(name, |kept| kept.answers = answers.into())
    }

    /// Notes a message, which `note` makes of its number and of the answer to it.
    pub(crate) fn take_in(
        &self,
        name: &str,
        note: impl FnOnce(u64, &InboxAnswer) -> Message,
    ) -> Result<InboxAnswer, Error> {
        self.with(name, |kept| {
            let answer = kept.next_answer();
            kept.came += 1;
            let mut message = note(kept.came, &answer);
            kept.know_attempts(&mut message);
            kept.push(message);
            answer
        })
    }

    /// Works on an inbox, which is made if there is none of that name.
    fn with<T>(&self, name: &str, work: impl FnOnce(&mut Kept) -> T) -> Result<T, Error> {
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if name.is_empty() || name.len() > limits::INBOX_NAME || !name.chars().all(is_name) {
            let detail = "the name of an inbox is of letters, digits, '-', '_' and '.', at most 100 of them";
            return Err(Error::new(Code::Validation, detail));
        }
        let mut inboxes = self.0.lock();
        if inboxes.len() >= limits::INBOXES && !inboxes.contains_key(name) {
            let detail = format!("a tenant has at most {} inboxes; drop one", limits::INBOXES);
            return Err(Error::new(Code::LimitExceeded, detail));
        }
        Ok(work(inboxes.entry(name.to_owned()).or_default()))
    }

    /// The inbox of a name; an empty one if nothing has come to it.
    pub(crate) fn get(&self, name: &str, url: String) -> Inbox {
        let inboxes = self.0.lock();
        let (answers, messages) = match inboxes.get(name) {
            Some(kept) => (kept.answers.iter().cloned().collect(), kept.messages.iter().cloned().collect()),
            None => (Vec::new(), Vec::new()),
        };
        Inbox { name: name.to_owned(), url, answers, messages }
    }

    /// The names of the inboxes, each with the number of its messages and its answers.
    pub(crate) fn all(&self) -> Vec<(String, usize, Vec<InboxAnswer>)> {
        let inboxes = self.0.lock();
        let told = |(name, kept): (&String, &Kept)| {
            (name.clone(), kept.messages.len(), kept.answers.iter().cloned().collect())
        };
        inboxes.iter().map(told).collect()
    }

    /// Forgets an inbox; false if there is none of that name.
    pub(crate) fn drop_inbox(&self, name: &str) -> bool {
        self.0.lock().remove(name).is_some()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }
}

impl Kept {
    fn next_answer(&mut self) -> InboxAnswer {
        let next =
            if self.answers.len() > 1 { self.answers.pop_front() } else { self.answers.front().cloned() };
        next.unwrap_or_else(|| 200.into())
    }

    /// Tells a message of the attempts at its event before it.
    fn know_attempts(&self, message: &mut Message) {
        let own = InboxAttempt { at: message.at, status: message.answered };
        let before = self.messages.iter().rev().find(|other| other.id.is_some() && other.id == message.id);
        message.attempts = before.map(|before| before.attempts.clone()).unwrap_or_default();
        message.attempts.push(own);
    }

    fn push(&mut self, message: Message) {
        self.bytes += message.bytes();
        self.messages.push_back(message);
        while self.messages.len() > limits::MESSAGES || self.bytes > limits::MESSAGE_BYTES {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.bytes -= oldest.bytes();
            self.taken.remove(&oldest.number);
        }
    }
}

impl Message {
    /// About the bytes that it takes.
    fn bytes(&self) -> usize {
        let length = self.headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        size_of::<Self>()
            + length
            + self.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
    }

    /// True when the inbox has answered that it took it.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.answered.is_some_and(|status| (200..300).contains(&status))
    }
}

impl From<u16> for InboxAnswer {
    fn from(status: u16) -> Self {
        Self { status, delay: Duration::ZERO, retry_after: None, body: None }
    }
}

impl<'de> Deserialize<'de> for InboxAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Spelling {
            Status(u16),
            Whole(Whole),
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "camelCase")]
        struct Whole {
            status: u16,
            #[serde(default, with = "spelling")]
            delay: Duration,
            retry_after: Option<u32>,
            body: Option<String>,
        }
        Ok(match Spelling::deserialize(deserializer)? {
            Spelling::Status(status) => status.into(),
            Spelling::Whole(Whole { status, delay, retry_after, body }) => {
                Self { status, delay, retry_after, body }
            }
        })
    }
}
