use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::{ArcMutexGuard, Mutex, RawMutex};
use rally_core::{TenantId, store::StoreError};

use crate::error::unavailable;

/// The writers of each tenant in this process, in a row: one of them holds a connection and waits in the database, the
/// others wait here and hold nothing. So a busy tenant leaves the connections to others.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<HashMap<TenantId, Arc<Mutex<()>>>>);

/// A tenant's turn to write.
pub(crate) struct Turn<'q> {
    queue: &'q Queue,
    tenant: TenantId,
    held: Option<ArcMutexGuard<RawMutex, ()>>,
}

impl Queue {
    /// Waits for a turn.
    pub(crate) fn take_turn(&self, tenant: TenantId, wait: Duration) -> Result<Turn<'_>, StoreError> {
        let lane = Arc::clone(self.0.lock().entry(tenant).or_default());
        let held = lane.try_lock_arc_for(wait);
        drop(lane);
        let turn = Turn { queue: self, tenant, held };
        if turn.held.is_some() {
            Ok(turn)
        } else {
            Err(unavailable("the writes of this tenant before it take too long".to_owned()))
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // The plain unlock would let this thread take the next turn as well, past those who wait.
        if let Some(held) = self.held.take() {
            ArcMutexGuard::unlock_fair(held);
        }
        let mut lanes = self.queue.0.lock();
        if lanes.get(&self.tenant).is_some_and(|lane| Arc::strong_count(lane) == 1) {
            lanes.remove(&self.tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId::DIRECTORY;

    #[test]
    fn a_turn_is_one_writers_and_nothing_is_left_of_it() {
        let queue = Queue::default();
        let turn = queue.take_turn(TENANT, Duration::ZERO).unwrap();
        assert!(queue.take_turn(TENANT, Duration::ZERO).is_err());
        let other = TenantId::from_uuid(uuid::Uuid::from_u128(1));
        assert!(queue.take_turn(other, Duration::ZERO).is_ok());
        drop(turn);
        assert!(queue.0.lock().is_empty());
        assert!(queue.take_turn(TENANT, Duration::ZERO).is_ok());
    }
}
