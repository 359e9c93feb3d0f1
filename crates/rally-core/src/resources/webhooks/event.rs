use crate::{
    base::{Action, ClosedSet, Kind, closed_set},
    engine::write::EventType,
};

closed_set! {
    /// A type of event.
    pub enum Event {
        /// Every event.
        All = "*",
        /// A contact was created.
        ContactCreated = "contact.created",
        /// A contact was changed.
        ContactUpdated = "contact.updated",
        /// A contact was deleted.
        ContactDeleted = "contact.deleted",
        /// A company was created.
        CompanyCreated = "company.created",
        /// A company was changed.
        CompanyUpdated = "company.updated",
        /// A company was deleted.
        CompanyDeleted = "company.deleted",
        /// A deal was created.
        DealCreated = "deal.created",
        /// A deal or its qualification was changed.
        DealUpdated = "deal.updated",
        /// A deal was deleted.
        DealDeleted = "deal.deleted",
        /// A deal was moved to another stage.
        DealStageChanged = "deal.stage_changed",
        /// A deal was won, also one that was created in a won stage.
        DealWon = "deal.won",
        /// A deal was lost, also one that was created in a lost stage.
        DealLost = "deal.lost",
        /// An activity was created.
        ActivityCreated = "activity.created",
        /// An activity was changed.
        ActivityUpdated = "activity.updated",
        /// An activity was deleted.
        ActivityDeleted = "activity.deleted",
        /// An activity was completed, also one that was created as completed.
        ActivityCompleted = "activity.completed",
        /// Another webhook was switched off by the engine. Every webhook gets it.
        WebhookDisabled = "webhook.disabled",
        /// A test was asked for. Only the webhook that is tested gets it.
        WebhookTest = "webhook.test",
    }
}

impl Event {
    /// Those that a webhook subscribes to.
    pub(crate) const SUBSCRIBED: ClosedSet = ClosedSet {
        name: "SubscribedEvent",
        words: Self::WORDS.split_at(17).0,
        description: "A type of event that a webhook subscribes to; `*` for every one.",
    };

    /// The number in stored keys, which never changes.
    pub(super) const fn number(self) -> u8 {
        match self {
            Event::All => 0,
            Event::ContactCreated => 1,
            Event::ContactUpdated => 2,
            Event::ContactDeleted => 3,
            Event::CompanyCreated => 4,
            Event::CompanyUpdated => 5,
            Event::CompanyDeleted => 6,
            Event::DealCreated => 7,
            Event::DealUpdated => 8,
            Event::DealDeleted => 9,
            Event::DealStageChanged => 10,
            Event::DealWon => 11,
            Event::DealLost => 12,
            Event::ActivityCreated => 13,
            Event::ActivityUpdated => 14,
            Event::ActivityDeleted => 15,
            Event::ActivityCompleted => 16,
            Event::WebhookDisabled => 17,
            Event::WebhookTest => 18,
        }
    }

    /// The event with that number.
    pub(super) fn from_number(number: u8) -> Option<Event> {
        Event::ALL.iter().copied().find(|event| event.number() == number)
    }

    /// The event as the engine knows it.
    pub(in crate::resources) const fn as_type(self) -> EventType {
        EventType {
            number: self.number(),
            name: self.as_str(),
            is_for_all: matches!(self, Event::WebhookDisabled),
        }
    }

    /// The event of every change of a record: created, updated or deleted.
    pub(super) fn of_action(kind: Kind, action: Action) -> Option<Event> {
        let [created, updated, deleted] = Self::of_kind(kind)?;
        Some(match action {
            Action::Inserted => created,
            Action::Updated => updated,
            Action::Deleted => deleted,
        })
    }

    const fn of_kind(kind: Kind) -> Option<[Event; 3]> {
        match kind {
            Kind::Contact => Some([Event::ContactCreated, Event::ContactUpdated, Event::ContactDeleted]),
            Kind::Company => Some([Event::CompanyCreated, Event::CompanyUpdated, Event::CompanyDeleted]),
            Kind::Deal => Some([Event::DealCreated, Event::DealUpdated, Event::DealDeleted]),
            Kind::Activity => Some([Event::ActivityCreated, Event::ActivityUpdated, Event::ActivityDeleted]),
            Kind::User | Kind::ApiKey | Kind::Tenant | Kind::Pipeline | Kind::AuditEntry | Kind::Webhook => {
                None
            }
        }
    }

    /// The bits of a list of events.
    pub(super) fn bits(events: &[Event]) -> u64 {
        let bit = |event: &Event| if *event == Event::All { u64::MAX } else { 1 << event.number() };
        events.iter().map(bit).fold(0, |all, bit| all | bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_events_are_pinned() {
        let numbers: Vec<u8> = Event::ALL.iter().map(|event| event.number()).collect();
        assert_eq!(numbers, (0..19).collect::<Vec<u8>>());
        assert!(Event::ALL.iter().all(|event| Event::from_number(event.number()) == Some(*event)));
    }

    #[test]
    fn only_what_concerns_webhooks_themselves_is_not_subscribed_to() {
        let rest = &Event::WORDS[Event::SUBSCRIBED.words.len()..];
        assert_eq!(rest, ["webhook.disabled", "webhook.test"]);
    }
}
