//! Logins in the audit trail: an entry is the sum of an hour's logins of one source at one account, with their number. The
//! entries of an hour are bounded, as anybody may try addresses, and old ones are deleted as new ones come.

use uuid::Uuid;

use super::{ACTION, ACTOR, AuditEntry, COUNT, DETAIL, Entry, SOURCE, TARGET_ID, add};
use crate::{
    base::{Error, Kind, Timestamp, limits},
    engine::{
        codec::{Bytes, RecordHead},
        keys::IndexedValue,
        schema::{IndexNumber, Member, Record, lookup, quote, unquote},
        session::Session,
        write::{self, Precondition, Transaction},
    },
    resources::User,
    store::StoreError,
};

/// Entries by outcome, hour, source and account.
const SUMS: IndexNumber = IndexNumber::beyond_slots(200);
/// Entries by outcome and hour.
const HOURS: IndexNumber = IndexNumber::beyond_slots(201);
const HOUR_MICROS: i64 = 3_600_000_000;
const DAY_MICROS: i64 = 24 * HOUR_MICROS;
/// Old entries that are deleted when a new one is made. More than one, so that they become fewer.
const DELETED_AT_ONCE: usize = 4;
const SUCCEEDED: &str = "login.succeeded";
const FAILED: &str = "login.failed";
/// The actor of the entry for the logins that found no entry of their own.
const OTHERS: &str = "others";

/// The hidden member by which the entry of a login's hour, source and account is found.
pub(super) const fn by_sum() -> Member {
    lookup(SUMS, write_sum)
}

/// The hidden member by which the entries of an hour are found.
pub(super) const fn by_hour() -> Member {
    lookup(HOURS, write_hour)
}

/// Notes that the session's user has logged in.
pub(in super::super) fn note_success(session: &Session, user: Uuid) -> Result<(), Error> {
    let most = session.engine().config().logins_noted_per_hour;
    let entry = Entry { target: Some(user), ..Entry::of(SUCCEEDED) };
    note(session, &entry, &user.to_string(), most)
}

/// Notes a failed login with an address, which may be any text.
pub(in super::super) fn note_failure(session: &Session, email: &str) -> Result<(), Error> {
    let most = session.engine().config().failed_logins_noted_per_hour;
    let email: String = email.chars().take(limits::EMAIL).collect();
    note(session, &Entry { detail: &email, ..Entry::of(FAILED) }, &User::folded_email(&email), most)
}

fn note(session: &Session, entry: &Entry<'_>, account: &str, most: u32) -> Result<(), Error> {
    let days = session.engine().config().logins_noted_days;
    let source = session.source().map_or_else(String::new, |source| source.to_string());
    session.write(|transaction| {
        let at = transaction.next_instant()?;
        let hour = hour_text(entry.action, at);
        if let Some((id, entry)) = found(transaction, SUMS, &sum_text(&hour, &source, account))? {
            return count_one_more(transaction, id, &entry);
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let index = IndexedValue::text(&hour);
        let has_room = transaction.indexed(Kind::AuditEntry, HOURS, index, most)?.len() < most;
        if has_room {
            add(transaction, &Entry { count: 1, ..*entry })?;
        } else if let Some((id, entry)) = found(transaction, SUMS, &sum_text(&hour, "", ""))? {
            return count_one_more(transaction, id, &entry);
        } else {
            add(
                transaction,
                &Entry { actor: Some(OTHERS), is_sourceless: true, count: 1, ..Entry::of(entry.action) },
            )?;
        }
        delete_some(transaction, entry.action, at.plus_micros(-i64::from(days).saturating_mul(DAY_MICROS)))
    })
}

fn found(
    transaction: &Transaction<'_>,
    index: IndexNumber,
    text: &str,
) -> Result<Option<(Uuid, Bytes)>, StoreError> {
    let found = transaction.indexed(Kind::AuditEntry, index, IndexedValue::text(text), 1)?;
    Ok(transaction.numbered(Kind::AuditEntry, &found)?.pop())
}

fn count_one_more(transaction: &mut Transaction<'_>, id: Uuid, entry: &Bytes) -> Result<(), Error> {
    let damaged = || StoreError::Corrupt { what: "the number of logins".to_owned() };
    let count = Record::read(transaction.tenant().id, id, entry)?.slot(COUNT).to_vec();
    let count: i64 = str::from_utf8(&count).ok().and_then(|text| text.parse().ok()).ok_or_else(damaged)?;
    let more = count.saturating_add(1).min(limits::COUNT).to_string();
    write::set_silently(transaction, AuditEntry::definition(), id, COUNT, &more)
}

/// Deletes a few of the oldest entries of an outcome that are from before an instant.
fn delete_some(transaction: &mut Transaction<'_>, action: &str, before: Timestamp) -> Result<(), Error> {
    let action = IndexedValue::text(&quote(action));
    let oldest = transaction.indexed(Kind::AuditEntry, IndexNumber::of(ACTION), action, DELETED_AT_ONCE)?;
    for (id, entry) in transaction.numbered(Kind::AuditEntry, &oldest)? {
        if RecordHead::read(&entry)?.created_at < before {
            write::delete(transaction, AuditEntry::definition(), id, Precondition::NONE)?;
        }
    }
    Ok(())
}

fn hour_text(action: &str, at: Timestamp) -> String {
    format!("{action} {}", at.as_micros().div_euclid(HOUR_MICROS))
}

/// The text of a sum. The source has no blank in it, so no two sums have one text.
fn sum_text(hour: &str, source: &str, account: &str) -> String {
    format!("{hour} {source} {account}")
}

fn write_hour(entry: &Record<'_>, out: &mut Vec<u8>) -> Result<(), StoreError> {
    if let Some(action) = login_of(entry)? {
        out.extend_from_slice(hour_text(&action, entry.parts.head.created_at).as_bytes());
    }
    Ok(())
}

fn write_sum(entry: &Record<'_>, out: &mut Vec<u8>) -> Result<(), StoreError> {
    let Some(action) = login_of(entry)? else { return Ok(()) };
    let text = |slot| if entry.slot(slot).is_empty() { Ok(String::new()) } else { unquote(entry.slot(slot)) };
    let account = if text(ACTOR)? == OTHERS {
        String::new()
    } else if action == SUCCEEDED {
        text(TARGET_ID)?
    } else {
        User::folded_email(&text(DETAIL)?)
    };
    let hour = hour_text(&action, entry.parts.head.created_at);
    out.extend_from_slice(sum_text(&hour, &text(SOURCE)?, &account).as_bytes());
    Ok(())
}

/// The act, if it is a login.
fn login_of(entry: &Record<'_>) -> Result<Option<String>, StoreError> {
    let action = unquote(entry.slot(ACTION))?;
    Ok(if action == SUCCEEDED || action == FAILED { Some(action) } else { None })
}
