//! The directory's list of tenants that have subscribers.

use super::Session;
use crate::{
    base::{Error, TenantId},
    engine::keys::outbox,
    store::Direction,
};

/// Puts a tenant on the list of those that have subscribers, before it has its first: no transaction spans the tenant and
/// the directory, and deliveries of a tenant that is not on the list would not be found after a restart.
pub(super) fn enlist(session: &Session) -> Result<(), Error> {
    let key = outbox::enlisted_tenant(session.tenant().id);
    let directory = session.engine().directory();
    if directory.snapshot()?.get(key.key())?.is_some() {
        return Ok(());
    }
    directory.write(|transaction| {
        transaction.put_mark(key.clone());
        Ok(())
    })
}

/// Tenants that have, or have had, subscribers, from behind one on.
pub(crate) fn enlisted(
    directory: &Session,
    after: Option<TenantId>,
    most: usize,
) -> Result<Vec<TenantId>, Error> {
    let mut range = outbox::enlisted().all();
    if let Some(after) = after {
        range = range.from(outbox::enlisted_tenant(after).key().successor());
    }
    let found = directory.snapshot()?.scan(&range, Direction::Forward, most)?;
    let tenants = found.iter().filter_map(|entry| outbox::read_enlisted(&entry.key));
    Ok(tenants.collect())
}
