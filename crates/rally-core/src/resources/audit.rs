//! Who did what to keys, users and settings, when and from where. Entries are written with what they tell of, in the same
//! transaction, and nothing changes them afterwards.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::links_to;
use crate::{
    base::{Error, Id, Kind, Scope, Timestamp, limits},
    engine::{
        self, Action, Answer, Collection, Link, Model, Of, Resource, Rule, Session, Slots, Stage,
        WriteOptions, quote, stored,
    },
};

const ACTION: u8 = 0;
const ACTOR: u8 = 1;
const SOURCE: u8 = 2;
const TARGET_ID: u8 = 3;
const DETAIL: u8 = 4;
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::new(&[
        engine::id(),
        stored(ACTION, "action", SHORT).read_only().filtered(),
        stored(ACTOR, "actor", SHORT).read_only().filtered(),
        stored(SOURCE, "source", SHORT).read_only(),
        stored(TARGET_ID, "targetId", Rule::Id).read_only().filtered(),
        stored(DETAIL, "detail", Rule::LongText).read_only(),
        engine::created_at(),
    ])
});

/// One administrative act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditEntry {
    /// The entry's id.
    pub id: Id<AuditEntry>,
    /// What was done: `apiKey.created` or `.updated` (revoking is that, too), `user.created`, `.updated` or `.deleted`,
    /// `settings.updated`, `login.failed`.
    pub action: String,
    /// Who did it: a user's e-mail, `apikey:` and a key's name, or the host's own name.
    pub actor: String,
    /// The address that it was done from, if it came over a network.
    pub source: Option<String>,
    /// What it was done to.
    pub target_id: Option<Uuid>,
    /// The members that were changed, or the address that somebody tried to log in with.
    pub detail: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

impl Session {
    /// The tenant's audit trail, oldest first.
    #[must_use]
    pub fn audit(&self) -> Collection<'_, AuditEntry> {
        Collection::new(self)
    }
}

impl Resource for AuditEntry {
    const KIND: Kind = Kind::AuditEntry;
    const READ: Scope = Scope::Admin;

    fn model() -> &'static Model {
        &MODEL
    }

    fn links() -> Vec<Link> {
        links_to(Self::KIND)
    }
}

/// Notes a change of a record with that change.
pub(super) fn note(
    stage: &mut Stage<'_>,
    kind: Kind,
    target: Uuid,
    action: Action,
    changed: &[&str],
) -> Result<(), Error> {
    let noun = if kind == Kind::ApiKey { "apiKey" } else { kind.noun() };
    let done = if action == Action::Inserted { "created" } else { action.name() };
    add(stage, &format!("{noun}.{done}"), Some(target), &changed.join(", "))
}

/// Notes that the tenant's settings have changed.
pub(super) fn note_settings(session: &Session, changed: &[&str]) -> Result<(), Error> {
    apart(session, "settings.updated", &changed.join(", "))
}

/// Notes that somebody could not log in.
pub(super) fn note_failed_login(session: &Session, email: &str) -> Result<(), Error> {
    let email: String = email.chars().take(limits::EMAIL).collect();
    apart(session, "login.failed", &email)
}

/// Notes what has no change of a record of the tenant's beside it.
fn apart(session: &Session, action: &str, detail: &str) -> Result<(), Error> {
    let noted = session.write(&WriteOptions::default(), &mut |stage| {
        add(stage, action, None, detail)?;
        Ok(Answer::Nothing)
    });
    noted.map(drop)
}

fn add(stage: &mut Stage<'_>, action: &str, target: Option<Uuid>, detail: &str) -> Result<(), Error> {
    let mut slots = Slots::default();
    let actor: String = stage.actor().chars().take(limits::SHORT_TEXT).collect();
    for (slot, value) in [
        (ACTION, Some(quote(action))),
        (ACTOR, Some(quote(&actor))),
        (SOURCE, stage.source().map(|source| quote(&source.to_string()))),
        (TARGET_ID, target.map(|target| quote(&target.to_string()))),
        (DETAIL, Some(quote(detail)).filter(|_| !detail.is_empty())),
    ] {
        if let (Some(place), Some(value)) = (slots.get_mut(usize::from(slot)), value) {
            *place = value.into();
        }
    }
    stage.create(Of::resource::<AuditEntry>(), &slots).map(drop)
}
