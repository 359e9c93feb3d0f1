//! A transaction that several writes share.

use std::{collections::HashMap, time::Instant};

use rally_core::{
    TenantId,
    store::{Batch, Snapshot, StoreError},
};

use crate::{
    layers::{Delta, batch_bytes},
    record::{self, Record},
    snapshot::State,
};

/// A transaction that several writes share: their changes, which nobody else sees until they are durable.
pub(crate) struct Transaction {
    /// The changes of each tenant that has written.
    pub(crate) deltas: HashMap<TenantId, Delta>,
    /// The memory that the changes take, at most.
    pub(crate) bytes: usize,
    /// The writes that have put changes into it.
    pub(crate) writes: usize,
    /// The record of the journal; `None` for what goes into the tree at once.
    pub(crate) record: Option<Record>,
    pub(crate) began: Instant,
    /// Set when there is little space left on the disk.
    pub(crate) is_low: bool,
    /// Set when a batch that makes no space would find none.
    pub(crate) is_full: bool,
    /// Set while no batch has put more bytes than it has removed, as far as that is of interest.
    pub(crate) only_makes_space: bool,
}

impl Transaction {
    /// Takes note of whether a batch makes space, and refuses one that does not when there is none.
    pub(crate) fn look_at(&mut self, state: &State, batch: &Batch) -> Result<(), StoreError> {
        if !self.is_low && !self.is_full {
            return Ok(());
        }
        let makes_space = makes_space(state, batch)?;
        if self.is_full && !makes_space {
            let reason = "the disk is full; free some space, or delete records".to_owned();
            return Err(StoreError::Unavailable { reason });
        }
        self.only_makes_space &= makes_space;
        Ok(())
    }

    /// Adds a batch.
    pub(crate) fn add(&mut self, tenant: TenantId, batch: Batch, most_bytes: u64) {
        self.bytes = self.bytes.saturating_add(batch_bytes(&batch));
        self.writes += 1;
        if let Some(record) = &mut self.record {
            record.add(tenant, &batch);
        }
        self.record.take_if(|record| record::place(record.len()) > most_bytes);
        self.deltas.entry(tenant).or_default().add(batch);
    }
}

/// True for a batch that removes at least as many bytes as it puts.
fn makes_space(state: &State, batch: &Batch) -> Result<bool, StoreError> {
    let (mut put, mut removed) = (0usize, 0usize);
    for (key, value) in batch.iter() {
        if let Some(old) = state.get(key)? {
            removed = removed.saturating_add(key.as_bytes().len()).saturating_add(old.len());
        }
        if let Some(value) = value {
            put = put.saturating_add(key.as_bytes().len()).saturating_add(value.len());
        }
    }
    Ok(removed >= put)
}
