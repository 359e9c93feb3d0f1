//! The faults, inboxes and requests of a tenant, for hosts.

use std::sync::Arc;

use rally_core::{Code, Error};

use super::{
    faults::{ArmedFault, Fault},
    inbox::{Inbox, InboxAnswer, Message, WaitFor, Waited},
    journal::{RequestMade, Wanted},
    tenant::FakeTenant,
    waiting,
};

impl FakeTenant {
    /// Arms a fault.
    ///
    /// # Errors
    /// [`Code::Validation`] with what is wrong with it, such as a route that the API does not have.
    pub fn arm(&self, fault: Fault) -> Result<ArmedFault, Error> {
        self.world.faults.arm(fault)
    }

    /// The faults that are armed, with how often each has happened.
    #[must_use]
    pub fn faults(&self) -> Vec<ArmedFault> {
        self.world.faults.all()
    }

    /// Disarms a fault; false if none of that id is armed.
    pub fn disarm(&self, id: &str) -> bool {
        self.world.faults.disarm(Some(id)) > 0
    }

    /// Disarms all faults; answers their number.
    pub fn disarm_all(&self) -> usize {
        self.world.faults.disarm(None)
    }

    /// Checks that each fault that is armed has happened, as often as it was to.
    ///
    /// # Errors
    /// [`Code::Conflict`] with those that have not.
    pub fn verify_faults(&self) -> Result<(), Error> {
        let unfired: Vec<String> = self
            .faults()
            .iter()
            .filter(|armed| !armed.has_fired())
            .map(|armed| format!("{} ({} of {:?} times)", armed.id, armed.fired, armed.fault))
            .collect();
        if unfired.is_empty() {
            return Ok(());
        }
        Err(Error::new(Code::Conflict, format!("faults have not happened: {}", unfired.join("; "))))
    }

    /// The URL of an inbox, for a webhook to send to. An inbox need not be made.
    #[must_use]
    pub fn inbox_url_of(&self, name: &str) -> String {
        self.inbox_url() + name
    }

    /// An inbox with its messages.
    #[must_use]
    pub fn inbox(&self, name: &str) -> Inbox {
        self.world.inboxes.get(name, self.inbox_url_of(name))
    }

    /// Has an inbox give these answers, one after the other; the last one stands for all later ones.
    ///
    /// # Errors
    /// [`Code::Validation`] for a status that is none.
    pub fn script_inbox(
        &self,
        name: &str,
        answers: impl IntoIterator<Item = impl Into<InboxAnswer>>,
    ) -> Result<(), Error> {
        self.world.inboxes.script(name, answers.into_iter().map(Into::into).collect())
    }

    /// Forgets the messages and the answers of an inbox; false if it had none.
    pub fn drop_inbox(&self, name: &str) -> bool {
        self.world.inboxes.drop_inbox(name)
    }

    /// Waits for the next message of an inbox that matches, and moves the clock instead of sleeping: what falls due within
    /// the time runs, in order, until such a message was accepted.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the fake is gone.
    pub fn wait(&self, name: &str, wanted: WaitFor) -> Result<Waited, Error> {
        let (tenant, name) = (self.clone(), name.to_owned());
        self.wait_for(async move { Ok(waiting::wait(&tenant.shared, &tenant.world, &name, &wanted).await) })
    }

    /// [`wait`](Self::wait) for a message that must come.
    ///
    /// # Errors
    /// [`Code::NotFound`] with the messages that have come instead, and what each differs in.
    pub fn expect(&self, name: &str, wanted: WaitFor) -> Result<Message, Error> {
        let waited = self.wait(name, wanted)?;
        waited.message.ok_or_else(|| {
            let near = serde_json::to_string(&waited.near_misses).unwrap_or_default();
            Error::new(Code::NotFound, format!("no such message has come to {name:?}; what came: {near}"))
        })
    }

    /// The last requests of the API, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Arc<RequestMade>> {
        self.world.journal.all(&Wanted::default())
    }

    /// The number of the last requests that had a method and a route of the API's document, such as `/deals/{id}`.
    #[must_use]
    pub fn count_requests(&self, method: &str, route: &str) -> usize {
        let wanted =
            Wanted { method: Some(method.to_owned()), route: Some(route.to_owned()), ..Wanted::default() };
        self.world.journal.all(&wanted).len()
    }

    /// The last requests that none of some names has, such as `GET /contacts`; without names, those that have failed by
    /// no fault.
    #[must_use]
    pub fn unexpected_requests(&self, expected: &[&str]) -> Vec<Arc<RequestMade>> {
        let expected: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        self.world.journal.unexpected(&expected)
    }

    /// Forgets the requests; answers their number.
    pub fn forget_requests(&self) -> usize {
        self.world.journal.forget()
    }
}
