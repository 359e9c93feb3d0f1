//! The audit trail: administrative acts on keys, users and settings, and logins, with the caller, the time and the address.
//! Entries are written in the act's own transaction, and never changed afterwards, but for the number of logins of the
//! hour that runs.

mod logins;

use std::sync::LazyLock;

use uuid::Uuid;

pub(super) use self::logins::{note_failure, note_success};
use super::define;
use crate::{
    base::{Action, Error, Id, Kind, Scope, Timestamp, limits},
    engine::{
        codec::Slot,
        schema::{self, Model, Resource, Row, Rule, Slots, quote, stored},
        session::{Session, resource},
        write::{self, Change, Definition, Rules, Transaction},
    },
};

const ACTION: Slot = Slot::new(0);
const ACTOR: Slot = Slot::new(1);
const SOURCE: Slot = Slot::new(2);
const TARGET_ID: Slot = Slot::new(3);
const DETAIL: Slot = Slot::new(4);
const COUNT: Slot = Slot::new(5);
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new(Kind::AuditEntry, &AuditEntry::members()));

resource! {
    /// One administrative act.
    pub struct AuditEntry;

    members {
        /// Identity of the entry.
        read id: Id<AuditEntry> = schema::id();
        /// The act: `apiKey.created` or `.updated` (also when a key is revoked), `user.created`, `.updated` or
        /// `.deleted`, `webhook.created`, `.updated`, `.deleted`, `.disabled` (by the engine) or `.secretRotated`,
        /// `settings.updated`, `tenant.updated` (by the host), `login.succeeded`, `login.failed`.
        read action: String = stored(ACTION, "action", SHORT).read_only().filtered(), filter ACTION;
        /// The caller: a user's e-mail, `apikey:` and a key's name, or a host's name.
        read actor: String = stored(ACTOR, "actor", SHORT).read_only().filtered(), filter ACTOR;
        /// The caller's address, if the call came over a network.
        read_optional source: String = stored(SOURCE, "source", SHORT).read_only();
        /// The record that was acted on.
        read_optional target_id: Uuid =
            stored(TARGET_ID, "targetId", Rule::Id).read_only().filtered(), filter TARGET_ID;
        /// The members that were changed, or the address that a login was tried with.
        read_optional detail: String = stored(DETAIL, "detail", Rule::LongText).read_only();
        /// The number of logins of the hour that the entry stands for, if it is of logins: those of one source at one account,
        /// or, of the actor `others`, those that found no room in the hour.
        read_optional count: u64 =
            stored(COUNT, "count", Rule::Integer { min: 1, max: limits::COUNT }).read_only();
        /// The instant of the act; of the first one, if there are several.
        read created_at: Timestamp = schema::created_at();
    }
    hidden {
        logins::by_sum();
        logins::by_hour();
    }
}

impl AuditEntry {
    pub(super) fn definition() -> Definition {
        define(&MODEL, &Rules::NONE)
    }
}

impl Resource for AuditEntry {
    const KIND: Kind = Kind::AuditEntry;
    const READ: Scope = Scope::Admin;

    fn model() -> &'static Model {
        &MODEL
    }

    fn read(row: &Row<Self>) -> Result<Self, Error> {
        Self::read_row(row)
    }
}

/// Notes a change of a record, in the transaction that makes it.
pub(super) fn note(transaction: &mut Transaction<'_>, change: &Change<'_>) -> Result<(), Error> {
    let kind = change.definition.kind();
    let noun = if kind == Kind::ApiKey { "apiKey" } else { kind.noun() };
    let done = match change.action() {
        Action::Inserted => "created",
        action => action.as_str(),
    };
    let (action, detail) = (format!("{noun}.{done}"), change.changed_names().join(", "));
    add(transaction, &Entry { target: Some(change.id), detail: &detail, ..Entry::of(&action) })
}

/// Notes an act on a record under a name of its own, in the transaction that makes it.
pub(super) fn note_act(
    transaction: &mut Transaction<'_>,
    target: Uuid,
    action: &str,
    detail: &str,
) -> Result<(), Error> {
    add(transaction, &Entry { target: Some(target), detail, ..Entry::of(action) })
}

/// Notes a change of the tenant's settings.
pub(super) fn note_settings(session: &Session, changed: &[&str]) -> Result<(), Error> {
    apart(session, "settings.updated", &changed.join(", "))
}

/// Notes a change of the tenant by the host.
pub(super) fn note_tenant(session: &Session, changed: &[&str]) -> Result<(), Error> {
    apart(session, "tenant.updated", &changed.join(", "))
}

/// Notes an act that is no change of a record of the tenant's.
fn apart(session: &Session, action: &str, detail: &str) -> Result<(), Error> {
    session.write(|transaction| add(transaction, &Entry { detail, ..Entry::of(action) }))
}

/// An entry that is about to be made, by the caller of the transaction if it names no other.
#[derive(Clone, Copy)]
struct Entry<'e> {
    action: &'e str,
    actor: Option<&'e str>,
    /// True for an entry that stands for several sources.
    is_sourceless: bool,
    target: Option<Uuid>,
    /// Empty for none.
    detail: &'e str,
    /// 0 for an act that is not counted.
    count: u32,
}

impl<'e> Entry<'e> {
    fn of(action: &'e str) -> Self {
        Self { action, actor: None, is_sourceless: false, target: None, detail: "", count: 0 }
    }
}

fn add(transaction: &mut Transaction<'_>, entry: &Entry<'_>) -> Result<(), Error> {
    let origin = transaction.origin();
    let actor: String = entry.actor.unwrap_or(&origin.actor).chars().take(limits::SHORT_TEXT).collect();
    let mut members = Slots::default();
    members.set(ACTION, quote(entry.action));
    members.set(ACTOR, quote(&actor));
    if let Some(source) = origin.source.filter(|_| !entry.is_sourceless) {
        members.set(SOURCE, quote(&source.to_string()));
    }
    if let Some(target) = entry.target {
        members.set(TARGET_ID, quote(&target.to_string()));
    }
    if !entry.detail.is_empty() {
        members.set(DETAIL, quote(entry.detail));
    }
    if entry.count > 0 {
        members.set(COUNT, entry.count.to_string());
    }
    write::create_checked(transaction, AuditEntry::definition(), &members).map(drop)
}
