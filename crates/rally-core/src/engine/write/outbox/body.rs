//! The bytes of an event as they are sent.

use uuid::Uuid;

use super::EventType;
use crate::{
    base::{Error, Kind, TenantId, limits},
    engine::{
        keys::EventPlace,
        schema::{Model, Record, join},
        write::Change,
    },
    store::{Snapshot, StoreError},
};

/// The members that a change has changed, each with its JSON text before; empty for none.
pub(crate) struct Told {
    pub(crate) changed: Vec<(String, String)>,
}

impl Told {
    /// The members that an update tells of, by the names that the record's history has.
    pub(super) fn of(change: &Change<'_>, model: &Model) -> Result<Self, StoreError> {
        let (Some(before), Some(after)) = (&change.before, &change.after) else {
            return Ok(Self { changed: Vec::new() });
        };
        let changed = model.told().filter(|(slot, ..)| before.slot(*slot) != after.slot(*slot));
        let former = changed.map(|(slot, _, name)| {
            let text = str::from_utf8(before.slot(slot))
                .map_err(|_| StoreError::Corrupt { what: "a member that is not UTF-8".to_owned() })?;
            Ok((name.to_owned(), text.to_owned()))
        });
        Ok(Self { changed: former.collect::<Result<_, StoreError>>()? })
    }

    /// The names of the members.
    pub(super) fn names(&self) -> Vec<&str> {
        self.changed.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// The JSON of a record, with what is joined to it.
pub(super) fn data(
    snapshot: &dyn Snapshot,
    model: &Model,
    record: &Record<'_>,
    is_new: bool,
) -> Result<Vec<u8>, Error> {
    let joined = join(snapshot, model, std::slice::from_ref(record), is_new)?.concat();
    let record = Record { joined: crate::engine::schema::joined_parts(&joined)?, ..record.clone() };
    let mut data = Vec::new();
    model.whole().write(&record, &mut data)?;
    Ok(data)
}

/// The whole body. One that is longer than [`limits::EVENT_BYTES`] has no `data` but a `dataUrl`, and if it still is,
/// no `previous` either.
pub(crate) fn body(
    tenant: TenantId,
    event: EventType,
    origin: EventPlace,
    number: u64,
    about: Option<(Kind, Uuid)>,
    data: Option<&[u8]>,
    told: &Told,
) -> Vec<u8> {
    let head = format!(
        r#"{{"id":"{}","type":"{}","timestamp":"{}","tenantId":"{tenant}","sequence":{number}"#,
        origin.id(tenant, b""),
        event.name,
        origin.instant,
    );
    let url = about.map(|(kind, id)| format!(r#","dataUrl":"/api/v1/{}/{id}""#, kind.plural()));
    let (names, previous) = (names(told), previous(told));
    let room = limits::EVENT_BYTES.saturating_sub(head.len() + names.len() + 64);
    let mut body = head.into_bytes();
    match (data, url) {
        (Some(data), _) if data.len() + previous.len() <= room => {
            body.extend_from_slice(br#","data":"#);
            body.extend_from_slice(data);
        }
        (_, Some(url)) => body.extend_from_slice(url.as_bytes()),
        (_, None) => body.extend_from_slice(br#","data":null"#),
    }
    body.extend_from_slice(format!(r#","changedFields":[{names}]"#).as_bytes());
    if body.len() + previous.len() <= limits::EVENT_BYTES - 32 {
        body.extend_from_slice(format!(r#","previous":{{{previous}}}"#).as_bytes());
    }
    body.push(b'}');
    body
}

/// The names of changed members as the elements of a JSON array. They are ASCII without quotes.
fn names(told: &Told) -> String {
    let quoted: Vec<String> = told.changed.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    quoted.join(",")
}

/// The values before as the members of a JSON object.
fn previous(told: &Told) -> String {
    let value = |text: &str| if text.is_empty() { "null".to_owned() } else { text.to_owned() };
    let members: Vec<String> =
        told.changed.iter().map(|(name, text)| format!("\"{name}\":{}", value(text))).collect();
    members.join(",")
}
