//! Tenants that are being imported: they have their name in the directory, and nobody can see them.

use uuid::Uuid;

use super::{HAS_PIPELINE, IMPORTED_BY, SLUG, Tenant};
use crate::{
    base::{Code, Error, RecordNumber, TenantId},
    engine::{
        codec::{RecordParts, Slot},
        keys::{outbox, spaces},
        schema::{Body, Resource, quote, unquote},
        write::{self, Editable, Precondition, Transaction},
    },
    store::{Batch, Direction, KeyRange, Snapshot, StoreError},
};

/// Tenants that are read at once.
const AT_ONCE: usize = 256;

/// A tenant that is being imported, and the import that does it.
#[derive(Clone, Debug)]
pub(in crate::resources) struct Half {
    pub(in crate::resources) id: TenantId,
    by: String,
}

/// Creates a tenant that nobody can see, under an id that it has had elsewhere if that is free. An error is the half that
/// another import has left, or is filling.
pub(in crate::resources) fn begin_half(
    directory: &mut Transaction<'_>,
    slug: &str,
    id: Uuid,
    body: &Body<'_>,
    settings: &[(Slot, String)],
    by: &str,
) -> Result<Result<Half, Half>, Error> {
    let definition = Tenant::definition();
    if let Some(number) = directory.find_by_key(Tenant::KIND, SLUG, slug)? {
        let found = directory.numbered(Tenant::KIND, &[number])?;
        let found = found.first().ok_or_else(|| Error::internal("a natural key leads to its record"))?;
        return half_of(found.0, &found.1, slug).map(Err);
    }
    let own = [(HAS_PIPELINE, "true".to_owned()), (IMPORTED_BY, quote(by))];
    let own: Vec<_> = own.into_iter().chain(settings.iter().cloned()).collect();
    let id = TenantId::from_uuid(write::adopt(directory, definition, id, body, &own)?);
    Ok(Ok(Half { id, by: by.to_owned() }))
}

/// Lets everybody see a tenant that is whole.
pub(in crate::resources) fn end_half(
    directory: &mut Transaction<'_>,
    half: &Half,
    has_webhooks: bool,
) -> Result<(), Error> {
    check(directory, half)?;
    if has_webhooks {
        directory.put_mark(outbox::enlisted_tenant(half.id));
    }
    write::set_silently(directory, Tenant::definition(), half.id.as_uuid(), IMPORTED_BY, "")
}

/// Takes a half away from the import that has it, which can neither fill nor publish it from then on.
pub(in crate::resources) fn take_half(
    directory: &mut Transaction<'_>,
    half: &Half,
    by: &str,
) -> Result<Half, Error> {
    check(directory, half)?;
    write::set_silently(directory, Tenant::definition(), half.id.as_uuid(), IMPORTED_BY, &quote(by))?;
    Ok(Half { by: by.to_owned(), ..half.clone() })
}

/// Removes a tenant that nobody can see, unless another import has it.
pub(in crate::resources) fn remove_half(directory: &mut Transaction<'_>, half: &Half) -> Result<(), Error> {
    match check(directory, half) {
        Ok(()) => {
            let id = half.id.as_uuid();
            write::delete(directory, Tenant::definition(), id, Precondition::NONE).map(drop)
        }
        Err(error) if error.code() == Code::Conflict => Ok(()),
        Err(error) => Err(error),
    }
}

/// Checks that a half is still the import's own.
pub(in crate::resources) fn check(directory: &Transaction<'_>, half: &Half) -> Result<(), Error> {
    let overtaken =
        || Error::new(Code::Conflict, "another import of this tenant has begun, and this one ends");
    let record = directory.find(Tenant::KIND, half.id.as_uuid())?.ok_or_else(overtaken)?;
    let is_own = RecordParts::read(&record)?.slot(IMPORTED_BY) == quote(&half.by).as_bytes();
    if is_own { Ok(()) } else { Err(overtaken()) }
}

/// The half that a record in the directory is of.
fn half_of(id: Uuid, record: &[u8], slug: &str) -> Result<Half, Error> {
    let parts = RecordParts::read(record)?;
    let by = parts.slot(IMPORTED_BY);
    if by.is_empty() {
        let detail = format!("there is a tenant {slug:?} already; import the file under another name");
        return Err(Error::new(Code::Duplicate, detail).with_existing(Some(id)));
    }
    Ok(Half { id: TenantId::from_uuid(id), by: unquote(by)? })
}

/// True when a directory has a tenant, seen or not.
pub(in crate::resources) fn are_any(directory: &dyn Snapshot) -> Result<bool, StoreError> {
    let all = KeyRange::prefix(&spaces::records(Tenant::KIND));
    Ok(!directory.scan(&all, Direction::Forward, 1)?.is_empty())
}

/// Puts a tenant on the list of those that have subscribers.
pub(in crate::resources) fn enlist(batch: &mut Batch, tenant: TenantId) {
    batch.put(outbox::enlisted_tenant(tenant).into_key(), Vec::new());
}

/// The tenants of a directory that are whole, each with its slug, whatever else is damaged there. One whose record cannot be
/// read is passed over.
pub(in crate::resources) fn whole_tenants(
    directory: &dyn Snapshot,
) -> Result<Vec<(TenantId, String)>, StoreError> {
    let prefix = spaces::records(Tenant::KIND);
    let mut range = KeyRange::prefix(&prefix);
    let mut tenants = Vec::new();
    loop {
        let page = directory.scan(&range, Direction::Forward, AT_ONCE)?;
        for entry in &page {
            let number = entry.key.after(&prefix).and_then(RecordNumber::from_bytes);
            if let (Some(number), Ok(parts)) = (number, RecordParts::read(&entry.value))
                && parts.slot(IMPORTED_BY).is_empty()
            {
                tenants.push((TenantId::from_uuid(parts.head.id(number)), unquote(parts.slot(SLUG))?));
            }
        }
        match page.last() {
            Some(last) if page.len() == AT_ONCE => range = range.from(last.key.successor()),
            _ => return Ok(tenants),
        }
    }
}
