//! Waits for what comes to an inbox, by moving the tenant's clock.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::{
    advance::step,
    delivery::deliver_due,
    inbox::{WaitFor, Waited},
    limits,
    shared::Shared,
    span::Span,
    world::World,
};

/// Waits for a message by moving the tenant's clock.
pub(crate) async fn wait(fake: &Shared, world: &Arc<World>, name: &str, wanted: &WaitFor) -> Waited {
    let _delivering = world.delivering.lock().await;
    let was_going = world.clock.hold();
    let end = world.now().plus_micros(Span::from(wanted.timeout).as_micros());
    let patient_until = Instant::now() + wanted.patience.min(limits::PATIENCE);
    let message = loop {
        drop(deliver_due(fake, world).await);
        if let Some(message) = world.inboxes.take(name, wanted) {
            break Some(message);
        }
        let is_due = world.next_due().is_some_and(|due| due <= end);
        if !is_due && timeout_at(patient_until, world.stirred.notified()).await.is_ok() {
            continue;
        }
        if !step(world, end) {
            break None;
        }
    };
    let near_misses = if message.is_none() { world.inboxes.near_misses(name, wanted) } else { Vec::new() };
    let now = world.now();
    world.clock.release(was_going);
    Waited { matched: message.is_some(), now, message, near_misses }
}
