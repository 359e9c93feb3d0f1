//! Keys that programs authenticate with: what the tenant's administrators do with them. What they look like and how they
//! open a session stands in [`credentials`](super::credentials).

use std::{fmt, sync::LazyLock};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    audit,
    credentials::{self, Secret},
    users,
};
use crate::{
    base::{Error, Id, Kind, Patch, Scope, Timestamp, limits},
    engine::{
        self, Body, Change, Collection, Editable, Json, Link, Member, Model, Record, Resource, Revision,
        Rule, Rules, Session, Slots, Stage, Term, WriteOptions, Written, lookup, quote, stored, unquote,
    },
};

const KEY_PREFIX: u8 = 0;
const SECRET_HASH: u8 = 1;
const NAME: u8 = 2;
const SCOPES: u8 = 3;
const EXPIRES_AT: u8 = 4;
const IS_ACTIVE: u8 = 5;
const LAST_USED_AT: u8 = 6;
const CREATED_BY: u8 = 7;
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };
/// How long a key's `lastUsedAt` may be behind.
const LAST_USED_GRAIN_MICROS: i64 = 60_000_000;
/// The index of keys that may do everything as long as they last.
const ADMINS: u8 = 200;
const IS_ADMIN: &str = "true";
pub(super) const LAST_ADMIN: &str =
    "must stay as it is for the tenant's last admin credential that works; make another first";

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::new(&members()).under(Rules { settle, audited: Some(audit::note), ..Rules::NONE })
});

/// What a draft says: a new key works.
static DRAFT: LazyLock<Model> = LazyLock::new(|| {
    let is_active = |member: &Member| member.name == "isActive";
    Model::new(&members().map(|member| if is_active(&member) { member.read_only() } else { member }))
});

fn members() -> [Member; 11] {
    [
        engine::id(),
        stored(KEY_PREFIX, "keyPrefix", SHORT).read_only(),
        stored(SECRET_HASH, "secretHash", SHORT).hidden(),
        stored(NAME, "name", SHORT).required(),
        stored(SCOPES, "scopes", Rule::Scopes).default("\"read\""),
        stored(EXPIRES_AT, "expiresAt", Rule::Instant),
        stored(LAST_USED_AT, "lastUsedAt", Rule::Instant).read_only(),
        stored(IS_ACTIVE, "isActive", Rule::Boolean).default("true"),
        engine::created_at(),
        stored(CREATED_BY, "createdBy", SHORT).read_only(),
        lookup(ADMINS, write_is_admin),
    ]
}

/// A key that a program authenticates with, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ApiKey {
    /// The key's id.
    pub id: Id<ApiKey>,
    /// How the key begins, to tell it from others.
    pub key_prefix: String,
    /// What it is for.
    pub name: String,
    /// Scopes, separated by commas; the highest counts.
    pub scopes: String,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it last worked, at most a minute behind.
    pub last_used_at: Option<Timestamp>,
    /// Whether it works.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Option<String>,
}

/// What makes an [`ApiKey`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyDraft {
    /// What it is for.
    pub name: String,
    /// Scopes, separated by commas; `read` if none are given.
    pub scopes: Option<String>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// What updates an [`ApiKey`]; each member stays, is cleared or is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `ApiKey`")]
pub struct ApiKeyChange {
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub name: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub scopes: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub expires_at: Patch<Timestamp>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub is_active: Patch<bool>,
}

/// A key that was just made: the only time that all of it is known.
pub struct NewApiKey {
    /// What is kept of it.
    pub model: ApiKey,
    /// The whole key.
    pub key: String,
}

/// What came of making a key once for an idempotency key.
pub struct MintedApiKey {
    /// What is kept of it.
    pub written: Written<ApiKey>,
    /// The whole key; nothing when this is the kept answer of an earlier write, as a key is kept nowhere.
    pub key: Option<String>,
}

impl fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiKey").field("model", &self.model).finish_non_exhaustive()
    }
}

impl fmt::Debug for MintedApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MintedApiKey").field("written", &self.written).finish_non_exhaustive()
    }
}

/// What a key allows, read straight from its stored members: this happens at every request.
pub(super) struct Grant {
    pub(super) name: String,
    pub(super) scope: Scope,
    secret_hash: String,
    is_active: bool,
    pub(super) expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

impl Grant {
    pub(super) fn read(key: &Record<'_>) -> Result<Self, Error> {
        let instant = |slot| match key.slot(slot) {
            [] => Ok(None),
            json => unquote(json).parse().map(Some).map_err(Error::internal),
        };
        Ok(Self {
            name: unquote(key.slot(NAME)),
            scope: Scope::highest(&unquote(key.slot(SCOPES))).map_err(Error::internal)?,
            secret_hash: unquote(key.slot(SECRET_HASH)),
            is_active: key.slot(IS_ACTIVE) == b"true",
            expires_at: instant(EXPIRES_AT)?,
            last_used_at: instant(LAST_USED_AT)?,
        })
    }

    /// Whether the key works: it is neither revoked nor expired.
    pub(super) fn works(&self, now: Timestamp) -> bool {
        self.is_active && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether this is the hash of its secret, found out in the same time whatever the answer is.
    pub(super) fn has_hash(&self, hash: &str) -> bool {
        credentials::are_equal(self.secret_hash.as_bytes(), hash.as_bytes())
    }

    /// Whether its use was last noted so long ago that it is to be noted again.
    pub(super) fn is_use_behind(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|last| last.plus_micros(LAST_USED_GRAIN_MICROS) <= now)
    }
}

impl Session {
    /// Notes that the session's key has been used, if that was last noted a minute ago or more. It is no change of the
    /// key, so the feed does not tell of it; and it is tried once a minute only, whether it succeeds or not.
    ///
    /// # Errors
    /// What the store says. That is no reason to turn the caller away.
    pub fn note_use(&self) -> Result<(), Error> {
        let engine::Caller::ApiKey { id, .. } = self.caller() else { return Ok(()) };
        let now = self.engine().clock().now();
        if !self.has_unnoted_use() || !self.engine().may_note_use(self.tenant().id, *id, now) {
            return Ok(());
        }
        let json = quote(&now.to_string());
        let noted = self.write(&WriteOptions::default(), &mut |stage| {
            engine::touch::<ApiKey>(stage, *id, LAST_USED_AT, json.clone())
        });
        noted.map(drop)
    }

    /// The tenant's API keys.
    #[must_use]
    pub fn api_keys(&self) -> Collection<'_, ApiKey> {
        Collection::new(self)
    }
}

impl Collection<'_, ApiKey> {
    /// Makes a key. Nobody makes one that may do more than they may themselves, as it takes the greatest scope to make any.
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) without the scope admin, beyond which no key goes;
    /// [`Code::Validation`](crate::Code::Validation) with all that is wrong with the draft.
    pub fn mint(&self, draft: &ApiKeyDraft) -> Result<NewApiKey, Error> {
        let json = serde_json::to_vec(draft).map_err(Error::internal)?;
        let made = self.mint_with(&Json(&json), &WriteOptions::default())?;
        let key = made.key.ok_or_else(|| Error::internal("a new key is known"))?;
        Ok(NewApiKey { model: made.written.read()?, key })
    }

    /// [`mint`](Collection::mint) by the JSON of a draft, with options.
    ///
    /// # Errors
    /// Those of `mint`, and those of the options.
    pub fn mint_with(&self, draft: &Json<'_>, options: &WriteOptions) -> Result<MintedApiKey, Error> {
        self.session.require(ApiKey::WRITE)?;
        let body = Body::read(&DRAFT, draft.0, self.session.tenant().profile, "the body")?;
        let mut slots: Slots<'_> = body.create(&DRAFT)?;
        let secret = Secret::new(self.session.engine(), self.session.tenant().id);
        for (slot, value) in [
            (KEY_PREFIX, quote(secret.beginning())),
            (SECRET_HASH, quote(&secret.hash())),
            (CREATED_BY, quote(&self.session.caller().to_string())),
        ] {
            set(&mut slots, slot, value);
        }
        let options = options.for_act::<ApiKey>("mint", None);
        let written = self
            .write_one(None, &options, &body, &mut |stage| engine::create_checked::<ApiKey>(stage, &slots))?;
        let key = (!written.replayed).then(|| secret.key(written.row.id()));
        Ok(MintedApiKey { written, key })
    }

    /// Ends a key: on every server it is unknown from now on. The record stays. A key that is revoked already is
    /// answered as it is.
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound); [`Code::Validation`](crate::Code::Validation) when it is the
    /// tenant's last credential that works and has the scope
    /// admin, as then nobody could make another; [`Code::Forbidden`](crate::Code::Forbidden) without that scope.
    pub fn revoke(&self, id: Id<ApiKey>) -> Result<ApiKey, Error> {
        self.revoke_with(id, &WriteOptions::default())?.read()
    }

    /// [`revoke`](Collection::revoke), with options.
    ///
    /// # Errors
    /// Those of `revoke`, and those of the options.
    pub fn revoke_with(&self, id: Id<ApiKey>, options: &WriteOptions) -> Result<Written<ApiKey>, Error> {
        let change = ApiKeyChange { is_active: Patch::Set(false), ..ApiKeyChange::default() };
        self.update_with(id, &change, options)
    }
}

/// Keeps a credential with which somebody can still make others.
fn settle(stage: &Stage<'_>, key: &mut Revision<'_>) -> Result<(), Error> {
    let opens = |text: &dyn Fn(u8) -> String| {
        let ends = text(EXPIRES_AT);
        let lasts =
            ends.is_empty() || unquote(ends.as_bytes()).parse().is_ok_and(|end: Timestamp| stage.now < end);
        lasts && is_admin(text(SCOPES).as_bytes(), text(IS_ACTIVE).as_bytes())
    };
    let opened = opens(&|slot| key.text_before(slot).to_owned());
    if !opened || opens(&|slot| key.text(slot).to_owned()) || another_opens(stage, key.id)? {
        return Ok(());
    }
    let changed = [(IS_ACTIVE, "isActive"), (SCOPES, "scopes"), (EXPIRES_AT, "expiresAt")];
    for (slot, name) in changed {
        if key.changes(slot) {
            key.wrong.add(name, LAST_ADMIN);
        }
    }
    Ok(())
}

/// Whether there is a credential besides a key with which somebody can make others: another key, or a user's password.
fn another_opens(stage: &Stage<'_>, id: Option<Uuid>) -> Result<bool, Error> {
    Ok(an_admin_key_works(stage, id)? || users::an_admin_has_a_password(stage, None)?)
}

/// Whether a key works, other than one, with which somebody can make others.
pub(super) fn an_admin_key_works(stage: &Stage<'_>, id: Option<Uuid>) -> Result<bool, Error> {
    for other in stage.indexed(Kind::ApiKey, ADMINS, Term::text(IS_ADMIN), limits::PAGE)? {
        if let Some(key) = stage.find(Kind::ApiKey, other)?.filter(|_| Some(other) != id)
            && Grant::read(&Record::read(stage.tenant.id, other, &key)?)?.works(stage.now)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_admin(scopes: &[u8], is_active: &[u8]) -> bool {
    is_active == b"true" && Scope::highest(&unquote(scopes)) == Ok(Scope::Admin)
}

/// The term that keys have that may do everything, and others have not.
fn write_is_admin(key: &Record<'_>, out: &mut Vec<u8>) {
    if is_admin(key.slot(SCOPES), key.slot(IS_ACTIVE)) {
        out.extend_from_slice(IS_ADMIN.as_bytes());
    }
}

impl Resource for ApiKey {
    const KIND: Kind = Kind::ApiKey;
    const READ: Scope = Scope::Admin;

    fn model() -> &'static Model {
        &MODEL
    }

    fn links() -> Vec<Link> {
        Vec::new()
    }
}

impl Editable for ApiKey {
    const WRITE: Scope = Scope::Admin;
    type Change = ApiKeyChange;
}

impl Change<ApiKey> for ApiKeyChange {}

fn set(slots: &mut Slots<'_>, slot: u8, json: String) {
    if let Some(value) = slots.get_mut(usize::from(slot)) {
        *value = json.into();
    }
}
