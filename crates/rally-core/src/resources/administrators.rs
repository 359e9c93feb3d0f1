//! Somebody can always administer a tenant: the last credential that works and has the scope admin stays.
//!
//! Such a credential is an API key that is active and has not expired, or an active user with a password. The members
//! that decide this stand here, and the question is asked here alone.

use uuid::Uuid;

use crate::{
    base::{Error, Kind, RecordNumber, Scope, Scopes, Timestamp, limits},
    engine::{
        codec::Slot,
        keys::IndexedValue,
        schema::{IndexNumber, Member, Record, lookup, read_bool, read_stored},
        write::{Revision, Transaction},
    },
    store::StoreError,
};

/// The members of an API key that decide whether it works.
pub(super) mod key {
    use super::Slot;

    pub(in super::super) const SCOPES: Slot = Slot::new(3);
    pub(in super::super) const EXPIRES_AT: Slot = Slot::new(4);
    pub(in super::super) const IS_ACTIVE: Slot = Slot::new(5);
}

/// The members of a user that decide whether the user can log in.
pub(super) mod user {
    use super::Slot;

    pub(in super::super) const SCOPES: Slot = Slot::new(2);
    pub(in super::super) const IS_ACTIVE: Slot = Slot::new(3);
    pub(in super::super) const PASSWORD: Slot = Slot::new(4);
}

/// The index of active records with the scope admin.
const ADMINS: IndexNumber = IndexNumber::beyond_slots(200);
const IS_ADMIN: &str = "true";
const REVOKED: &str = "must stay false, as a revoked key stays revoked; make another key";
const LAST: &str = "must stay as it is for the tenant's last admin credential that works; make another first";

/// The hidden member by which active API keys with the scope admin are found.
pub(super) const fn lookup_of_keys() -> Member {
    lookup(ADMINS, |record, out| write_is_admin(record, key::SCOPES, key::IS_ACTIVE, out))
}

/// The hidden member by which active users with the scope admin are found.
pub(super) const fn lookup_of_users() -> Member {
    lookup(ADMINS, |record, out| write_is_admin(record, user::SCOPES, user::IS_ACTIVE, out))
}

fn write_is_admin(
    record: &Record<'_>,
    scopes: Slot,
    is_active: Slot,
    out: &mut Vec<u8>,
) -> Result<(), StoreError> {
    if is_admin(record.slot(scopes), record.slot(is_active))? {
        out.extend_from_slice(IS_ADMIN.as_bytes());
    }
    Ok(())
}

/// Checks a revision of an API key: one that is revoked stays so, as whoever had it when it leaked has it still; and
/// somebody must still be able to administer the tenant.
pub(super) fn judge_key(transaction: &Transaction<'_>, revision: &mut Revision<'_>) -> Result<(), Error> {
    if revision.text_before(key::IS_ACTIVE) == "false" && revision.changes(key::IS_ACTIVE) {
        revision.wrong.add("isActive", REVOKED);
    }
    let now = transaction.now();
    let was = key_works(&|slot| revision.text_before(slot).as_bytes(), now)?;
    let is = key_works(&|slot| revision.text(slot).as_bytes(), now)?;
    let members = [(key::IS_ACTIVE, "isActive"), (key::SCOPES, "scopes"), (key::EXPIRES_AT, "expiresAt")];
    check_administrators(transaction, revision, (was, is), &members)
}

/// Checks a revision of a user: the last active one with the scope admin keeps it, and somebody must still be able to
/// administer the tenant.
pub(super) fn judge_user(transaction: &Transaction<'_>, revision: &mut Revision<'_>) -> Result<(), Error> {
    let is_admin_before = revised_is_admin(|slot| revision.text_before(slot))?;
    let is_admin_after = revised_is_admin(|slot| revision.text(slot))?;
    if is_admin_before && !is_admin_after && !another_user_is_admin(transaction, revision.id)? {
        let member = if revision.text(user::IS_ACTIVE) == "true" { "scopes" } else { "isActive" };
        revision.wrong.add(member, "must stay as it is for the last active user who is an admin");
    }
    let was = is_admin_before && !revision.text_before(user::PASSWORD).is_empty();
    let is = is_admin_after && !revision.text(user::PASSWORD).is_empty();
    let members = [(user::PASSWORD, "password"), (user::SCOPES, "scopes"), (user::IS_ACTIVE, "isActive")];
    check_administrators(transaction, revision, (was, is), &members)
}

/// True when a user must not be deleted.
pub(super) fn needs_user(transaction: &Transaction<'_>, user: &Record<'_>) -> Result<bool, Error> {
    if !is_admin(user.slot(user::SCOPES), user.slot(user::IS_ACTIVE))? {
        return Ok(false);
    }
    if !another_user_is_admin(transaction, Some(user.id))? {
        return Ok(true);
    }
    let can_log_in = !user.slot(user::PASSWORD).is_empty();
    Ok(can_log_in && !another_works(transaction, Some(user.id))?)
}

fn revised_is_admin<'r>(text: impl Fn(Slot) -> &'r str) -> Result<bool, StoreError> {
    is_admin(text(user::SCOPES).as_bytes(), text(user::IS_ACTIVE).as_bytes())
}

/// Adds a fault of each changed member if the last credential that works would stop working.
fn check_administrators(
    transaction: &Transaction<'_>,
    revision: &mut Revision<'_>,
    (was, is): (bool, bool),
    members: &[(Slot, &str)],
) -> Result<(), Error> {
    if !was || is || another_works(transaction, revision.id)? {
        return Ok(());
    }
    for (slot, name) in members {
        if revision.changes(*slot) && !revision.wrong.by_member().contains_key(*name) {
            revision.wrong.add(name, LAST);
        }
    }
    Ok(())
}

/// True when a credential other than one works and has the scope admin.
fn another_works(transaction: &Transaction<'_>, besides: Option<Uuid>) -> Result<bool, Error> {
    let now = transaction.now();
    let key = |record: &Record<'_>| key_works(&|slot| record.slot(slot), now);
    let user = |record: &Record<'_>| Ok(!record.slot(user::PASSWORD).is_empty());
    Ok(another(transaction, Kind::ApiKey, besides, key)? || another(transaction, Kind::User, besides, user)?)
}

fn another_user_is_admin(transaction: &Transaction<'_>, besides: Option<Uuid>) -> Result<bool, Error> {
    another(transaction, Kind::User, besides, |_| Ok(true))
}

/// True when an active admin record of a kind, other than `besides`, is wanted. Looks at all of them if need be.
fn another(
    transaction: &Transaction<'_>,
    kind: Kind,
    besides: Option<Uuid>,
    is_wanted: impl Fn(&Record<'_>) -> Result<bool, StoreError>,
) -> Result<bool, Error> {
    let (value, mut from) = (IndexedValue::text(IS_ADMIN), RecordNumber::FIRST);
    loop {
        let some = transaction.indexed_from(kind, ADMINS, value, from, limits::PAGE)?;
        for (id, bytes) in transaction.numbered(kind, &some)? {
            if Some(id) != besides && is_wanted(&Record::read(transaction.tenant().id, id, &bytes)?)? {
                return Ok(true);
            }
        }
        match some.last() {
            Some(last) if some.len() == limits::PAGE => from = last.next(),
            _ => return Ok(false),
        }
    }
}

fn key_works<'r>(text: &dyn Fn(Slot) -> &'r [u8], now: Timestamp) -> Result<bool, StoreError> {
    let lasts = match text(key::EXPIRES_AT) {
        [] => true,
        json => now < read_stored(json, "an instant of a key")?,
    };
    Ok(lasts && is_admin(text(key::SCOPES), text(key::IS_ACTIVE))?)
}

fn is_admin(scopes: &[u8], is_active: &[u8]) -> Result<bool, StoreError> {
    if !read_bool(is_active)? || scopes.is_empty() {
        return Ok(false);
    }
    let scopes: Scopes = read_stored(scopes, "scopes")?;
    Ok(scopes.highest() == Scope::Admin)
}
