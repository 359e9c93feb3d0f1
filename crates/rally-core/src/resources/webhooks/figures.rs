//! Figures of what waits to be delivered, for whoever watches an engine.

use std::collections::HashSet;

use super::{Deliveries, courier};
use crate::{
    base::{Error, TenantId, Timestamp, limits},
    engine::{
        codec::{self, SubscriptionsV1},
        keys::{EventPlace, OutboxKey, outbox},
        session::{Engine, enlisted},
    },
    store::{Direction, Snapshot, StoreError},
};

/// The state of the webhooks of all tenants at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxFigures {
    /// Webhooks that are on.
    pub on: usize,
    /// Webhooks that are off.
    pub off: usize,
    /// Deliveries that are going to be attempted.
    pub pending: usize,
    /// The instant of the event that has waited longest among these.
    pub oldest: Option<Timestamp>,
    /// True if there was more to look at than was allowed, so that the rest is not among these figures.
    pub is_partial: bool,
}

/// Tenants that are read from the directory at once.
const TENANTS: usize = 256;

impl Deliveries {
    /// Looks at what waits to be delivered, of all tenants, up to
    /// [`limits::OUTBOX_FIGURES_ROWS`](crate::limits::OUTBOX_FIGURES_ROWS) rows of the outbox.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// acme.webhooks().create(&WebhookDraft::new("till", "https://x.example/hook", [Event::ContactCreated]))?;
    /// let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let figures = engine.deliveries().figures()?;
    /// assert_eq!((figures.on, figures.pending, figures.oldest), (1, 1, Some(ada.created_at)));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer.
    pub fn figures(&self) -> Result<OutboxFigures, Error> {
        look(self.engine(), limits::OUTBOX_FIGURES_ROWS)
    }
}

fn look(engine: &Engine, rows: usize) -> Result<OutboxFigures, Error> {
    let (mut figures, mut left) = (OutboxFigures::default(), rows);
    let (directory, mut after) = (engine.directory(), None);
    loop {
        let tenants = enlisted(&directory, after, TENANTS)?;
        for tenant in &tenants {
            if left == 0 {
                figures.is_partial = true;
                return Ok(figures);
            }
            add_tenant(engine, *tenant, &mut figures, &mut left)?;
        }
        after = tenants.last().copied();
        if tenants.len() < TENANTS {
            return Ok(figures);
        }
    }
}

fn add_tenant(
    engine: &Engine,
    tenant: TenantId,
    figures: &mut OutboxFigures,
    left: &mut usize,
) -> Result<(), Error> {
    *left = left.saturating_sub(1);
    let Some(session) = courier(engine, tenant)? else { return Ok(()) };
    let snapshot = session.snapshot()?;
    let Some(bytes) = snapshot.get(outbox::subscriptions().key())? else { return Ok(()) };
    let subscriptions: SubscriptionsV1 = codec::decode(&bytes)?;
    for subscription in &subscriptions.all {
        *left = left.saturating_sub(1);
        if !subscription.is_on {
            figures.off += 1;
            continue;
        }
        figures.on += 1;
        let webhook = super::uuid(subscription.subscriber);
        let mut places = HashSet::new();
        for part in [outbox::dues(webhook), outbox::all_lines(webhook)] {
            figures.is_partial |= add_places(&*snapshot, &part, &mut places, left)?;
        }
        figures.pending += places.len();
        let oldest = places.iter().map(|place| place.instant).min();
        figures.oldest = figures.oldest.into_iter().chain(oldest).min();
    }
    Ok(())
}

/// Gathers the places of a part of the outbox; true if there are more.
fn add_places(
    snapshot: &dyn Snapshot,
    part: &OutboxKey,
    places: &mut HashSet<EventPlace>,
    left: &mut usize,
) -> Result<bool, StoreError> {
    let entries = snapshot.scan(&part.all(), Direction::Forward, left.saturating_add(1))?;
    let has_more = entries.len() > *left;
    for entry in entries.iter().take(*left) {
        let damaged = || StoreError::Corrupt { what: "a key of the outbox".to_owned() };
        places.insert(EventPlace::at_end(&entry.key).ok_or_else(damaged)?);
    }
    *left = left.saturating_sub(entries.len());
    Ok(has_more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ContactDraft, Event, TenantDraft, WebhookDraft, WebhookUpdate, store::MemoryStore};

    fn tenant_with_events(engine: &Engine, slug: &str, events: usize) -> crate::Session {
        let tenant = engine.create_tenant(&TenantDraft::new(slug)).unwrap();
        let session = tenant.trusted_session("test").unwrap();
        let draft = WebhookDraft::new("till", "https://x.example/hook", [Event::ContactCreated]);
        session.webhooks().create(&draft).unwrap();
        for number in 0..events {
            let draft = ContactDraft::new("A", "B", format!("a{number}@x.example"));
            session.contacts().create(&draft).unwrap();
        }
        session
    }

    #[test]
    fn what_waits_is_counted_once_and_of_all_tenants_that_have_their_webhooks_on() {
        let engine = Engine::new(MemoryStore::new());
        let acme = tenant_with_events(&engine, "acme", 3);
        tenant_with_events(&engine, "looms", 2);
        let figures = look(&engine, 1_000).unwrap();
        assert_eq!((figures.on, figures.off, figures.pending, figures.is_partial), (2, 0, 5, false));
        let hook = acme.webhooks().list(crate::Query::all()).unwrap().records[0].id;
        acme.webhooks().update(hook, &WebhookUpdate::new().is_active(false)).unwrap();
        let figures = look(&engine, 1_000).unwrap();
        assert_eq!((figures.on, figures.off, figures.pending), (1, 1, 2));
    }

    #[test]
    fn no_more_rows_are_looked_at_than_may_be() {
        let engine = Engine::new(MemoryStore::new());
        tenant_with_events(&engine, "acme", 9);
        let figures = look(&engine, 6).unwrap();
        assert!(figures.is_partial && figures.pending < 9, "{figures:?}");
        assert!(!look(&engine, 60).unwrap().is_partial);
    }
}
