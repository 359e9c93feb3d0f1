//! The consequences of a change, in one list. A new one is a new line here, and has the record before and after at hand.

use super::{Change, Transaction, outbox};
use crate::{
    base::{Action, Error, IdSalt, Kind, Timestamp},
    engine::{
        codec::{self, Bytes, FeedEntryV1, FormerState, FormerV1, MarkV1, Slot},
        keys::{self, MARK_EVERY, Target, WHOLE_EVERY, spaces},
    },
    store::{Key, StoreError},
};

/// Applies everything that follows from a change to the transaction's batch. The bytes are those of the record after.
pub(super) fn apply(
    transaction: &mut Transaction<'_>,
    change: &Change<'_>,
    bytes: Option<&Bytes>,
) -> Result<(), Error> {
    move_in_creation_order(transaction, change)?;
    store_record(transaction, change, bytes);
    move_keys(transaction, change)?;
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    keys::move_share(&mut transaction.overlay, change.definition.model, before, after)?;
    // Feed, list by last change and audit trail are about versions, and the record stays at its version: noting the
    // use of an API key must neither make a caller's `if_version` stale nor fill the audit trail.
    if change.is_silent() {
        return Ok(());
    }
    move_in_change_order(transaction, change)?;
    enter_in_feed(transaction, change)?;
    keep_former(transaction, change)?;
    (change.definition.rules.audit)(transaction, change)?;
    outbox::announce(transaction, change)?;
    (change.definition.rules.follow)(transaction, change)
}

/// The list of a kind holds each record from its creation to its deletion.
fn move_in_creation_order(transaction: &mut Transaction<'_>, change: &Change<'_>) -> Result<(), StoreError> {
    match change.action() {
        // Taking its number has put it there.
        Action::Inserted | Action::Updated => Ok(()),
        Action::Deleted => transaction.with_lists(change.definition.kind(), |lists, overlay, chunks| {
            lists.remove(overlay, chunks, change.number())
        }),
    }
}

fn store_record(transaction: &mut Transaction<'_>, change: &Change<'_>, bytes: Option<&Bytes>) {
    match bytes {
        Some(bytes) => transaction.overlay.put(record_key(change), bytes.clone()),
        None => transaction.overlay.delete(record_key(change)),
    }
}

/// Natural keys, indexes and search follow from the record alone.
fn move_keys(transaction: &mut Transaction<'_>, change: &Change<'_>) -> Result<(), StoreError> {
    let (model, before, after) = (change.definition.model, change.before.as_ref(), change.after.as_ref());
    let mut target = Target {
        overlay: &mut transaction.overlay,
        chunks: &mut transaction.chunks,
        names: &mut transaction.names,
    };
    keys::move_keys(&mut target, model, change.id, before, after)
}

/// The list by last change holds each record at its latest version.
fn move_in_change_order(transaction: &mut Transaction<'_>, change: &Change<'_>) -> Result<(), StoreError> {
    let kind = change.definition.kind();
    if let Some(before) = &change.before
        && !change.has_left_its_place
    {
        leave_change_order(transaction, kind, &[before.parts.head.updated_at])?;
    }
    if change.after.is_some() {
        let key = spaces::updated(kind, change.at);
        transaction.with_lists(kind, |lists, overlay, _| lists.changes.append(overlay, &key))?;
        transaction.overlay.put(key, change.number().to_value());
    }
    Ok(())
}

/// Takes versions of records, in ascending order, off the list by last change.
pub(super) fn leave_change_order(
    transaction: &mut Transaction<'_>,
    kind: Kind,
    versions: &[Timestamp],
) -> Result<(), StoreError> {
    // No two changes of a tenant share an instant, so the instant alone finds the entry.
    let keys: Vec<Key> = versions.iter().map(|version| spaces::updated(kind, *version)).collect();
    transaction.with_lists(kind, |lists, overlay, _| lists.changes.remove(overlay, &keys))?;
    keys.into_iter().for_each(|key| transaction.overlay.delete(key));
    Ok(())
}

fn enter_in_feed(transaction: &mut Transaction<'_>, change: &Change<'_>) -> Result<(), StoreError> {
    let kind = change.definition.kind();
    if !Kind::IN_FEED.contains(&kind) {
        return Ok(());
    }
    let number = transaction.next_number(change.at);
    let entry = FeedEntryV1 {
        number,
        record: change.number().get(),
        age: age(change)?,
        salt: IdSalt::of(change.id).to_bytes(),
        action: change.action().number(),
        version: change.version()?,
        changed_by: Some(transaction.origin().actor.clone()),
    };
    transaction.overlay.put(spaces::feed(kind, change.at), codec::encode(&entry)?);
    // Entries are keyed by instant, so these marks are the only way from a number to its place.
    if number.is_multiple_of(MARK_EVERY) {
        mark(transaction, number, change.at)?;
    }
    Ok(())
}

/// The microseconds from the record's creation to the change.
fn age(change: &Change<'_>) -> Result<u64, StoreError> {
    let record = change.after.as_ref().or(change.before.as_ref());
    let created_at = record.map_or(change.at, |record| record.parts.head.created_at);
    let age = change.at.as_micros().checked_sub(created_at.as_micros());
    let damaged = || StoreError::Corrupt { what: "a record that changes before its creation".to_owned() };
    age.and_then(|age| u64::try_from(age).ok()).ok_or_else(damaged)
}

/// Keeps the record as it was before, for its history. Of a new record there is nothing to keep: its entry in the feed, which
/// is found by the instant of its creation, and what became of it tell all.
fn keep_former(transaction: &mut Transaction<'_>, change: &Change<'_>) -> Result<(), StoreError> {
    let kind = change.definition.kind();
    let Some(before) = change.before.as_ref().filter(|_| Kind::IN_FEED.contains(&kind)) else {
        return Ok(());
    };
    let version = change.version()?;
    let is_whole = change.after.is_none() || version.is_multiple_of(WHOLE_EVERY);
    let state = if is_whole {
        let parts = &before.parts;
        let slots: Vec<&[u8]> = parts.slots().take(change.definition.model.slot_count()).collect();
        FormerState::Whole(codec::encode_record(parts.head, slots.into_iter()).to_vec())
    } else {
        let former = |slot: Slot| (slot.number(), before.slot(slot).to_vec());
        FormerState::Changed(change.changed_slots().map(former).collect())
    };
    let row = FormerV1 { changed_at: change.at.as_micros(), state };
    transaction.overlay.put(spaces::former(kind, change.id, version), codec::encode(&row)?);
    Ok(())
}

fn mark(transaction: &mut Transaction<'_>, number: u64, at: Timestamp) -> Result<(), StoreError> {
    let mark = MarkV1 { instant: at.as_micros() };
    transaction.overlay.put(spaces::feed_mark(number / MARK_EVERY), codec::encode(&mark)?);
    Ok(())
}

fn record_key(change: &Change<'_>) -> Key {
    spaces::record(change.definition.kind(), change.id)
}
