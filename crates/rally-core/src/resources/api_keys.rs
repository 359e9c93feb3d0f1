//! Keys that programs authenticate with: what the tenant's administrators do with them. Their text is in
//! [`key_text`](super::key_text), and how they open a session in `credentials`.

use std::{fmt, sync::LazyLock};

use super::{
    administrators::{self, key},
    audit, define,
    key_text::{self, Secret},
};
use crate::{
    base::{Error, Id, Kind, Scope, Scopes, Timestamp, limits},
    engine::{
        codec::Slot,
        schema::{
            self, Body, Member, Model, Record, Resource, Row, Rule, parse_stored, quote, read_bool, stored,
            unquote,
        },
        session::{Caller, Collection, JsonCollection, Session, Verbs, WriteOptions, resource},
        write::{self, Definition, Draft, Editable, Rules, Written},
    },
};

const KEY_PREFIX: Slot = Slot::new(0);
const SECRET_HASH: Slot = Slot::new(1);
const NAME: Slot = Slot::new(2);
const LAST_USED_AT: Slot = Slot::new(6);
const CREATED_BY: Slot = Slot::new(7);
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };
/// The time by which a key's `lastUsedAt` may be behind.
const LAST_USED_GRAIN_MICROS: i64 = 60_000_000;

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new(Kind::ApiKey, &ApiKey::members()));

/// The members of a draft: without `isActive`, as a new key is active.
static DRAFT: LazyLock<Model> = LazyLock::new(|| {
    let drafted = |member: Member| if member.updated_only { member.read_only() } else { member };
    Model::new(Kind::ApiKey, &ApiKey::members().into_iter().map(drafted).collect::<Vec<_>>())
});

resource! {
    /// A key that a program authenticates with, without its secret.
    pub struct ApiKey;
    draft {
        /// Makes an [`ApiKey`].
        pub struct ApiKeyDraft;
    }
    update {
        /// Updates an [`ApiKey`].
        pub struct ApiKeyUpdate;
    }

    members {
        /// Identity of the key.
        read id: Id<ApiKey> = schema::id();
        /// The beginning of the key, to tell it from others.
        read key_prefix: String = stored(KEY_PREFIX, "keyPrefix", SHORT).read_only();
        /// Purpose.
        required name: String = stored(NAME, "name", SHORT);
        /// Scopes; the highest counts. `read` unless they are set.
        defaulted scopes: Scopes = stored(key::SCOPES, "scopes", Rule::Scopes).default(Scope::Read.json());
        /// The instant at which it expires.
        optional expires_at: Timestamp = stored(key::EXPIRES_AT, "expiresAt", Rule::Instant);
        /// The instant of its last successful use, at most a minute behind.
        read_optional last_used_at: Timestamp = stored(LAST_USED_AT, "lastUsedAt", Rule::Instant).read_only();
        /// True unless it is revoked, which is for good.
        updated is_active: bool = stored(key::IS_ACTIVE, "isActive", Rule::Boolean).default("true");
        /// The instant of its making.
        read created_at: Timestamp = schema::created_at();
        /// The caller who made it.
        read_optional created_by: String = stored(CREATED_BY, "createdBy", SHORT).read_only();
    }
    hidden {
        stored(SECRET_HASH, "secretHash", SHORT).hidden();
        administrators::lookup_of_keys();
    }
}

impl Resource for ApiKey {
    const KIND: Kind = Kind::ApiKey;
    const READ: Scope = Scope::Admin;

    fn model() -> &'static Model {
        &MODEL
    }

    fn read(row: &Row<Self>) -> Result<Self, Error> {
        Self::read_row(row)
    }
}

impl Editable for ApiKey {
    const WRITE: Scope = Scope::Admin;
    type Update = ApiKeyUpdate;

    fn definition() -> Definition {
        define(&MODEL, &RULES)
    }
}

static RULES: Rules = Rules { settle: administrators::judge_key, audit: audit::note, ..Rules::NONE };

/// A key that was just made, with its text: the only time that the text is known.
pub struct NewApiKey {
    /// The record, without the text.
    pub model: ApiKey,
    /// The whole key.
    pub key: String,
}

/// A key that was made for an adapter.
pub struct MintedApiKey {
    /// The record, without the text.
    pub written: Written<Row<ApiKey>>,
    /// The whole key; `None` when this is the kept answer of an earlier write, as a key is kept nowhere.
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

/// The members of a key that every request needs, read straight from the stored record.
pub(super) struct StoredKey {
    pub(super) name: String,
    pub(super) scope: Scope,
    secret_hash: String,
    is_active: bool,
    pub(super) expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

impl StoredKey {
    pub(super) fn read(key: &Record<'_>) -> Result<Self, Error> {
        let instant = |slot| match key.slot(slot) {
            [] => Ok(None),
            json => parse_stored(json, "an instant of a key").map(Some),
        };
        let scopes: Scopes = parse_stored(key.slot(key::SCOPES), "the scopes of a key")?;
        Ok(Self {
            name: unquote(key.slot(NAME))?,
            scope: scopes.highest(),
            secret_hash: unquote(key.slot(SECRET_HASH))?,
            is_active: read_bool(key.slot(key::IS_ACTIVE))?,
            expires_at: instant(key::EXPIRES_AT)?,
            last_used_at: instant(LAST_USED_AT)?,
        })
    }

    /// True when the key works: it is neither revoked nor expired.
    pub(super) fn works(&self, now: Timestamp) -> bool {
        self.is_active && self.expires_at.is_none_or(|end| now < end)
    }

    /// True when this is the hash of its secret, compared in constant time.
    pub(super) fn has_hash(&self, hash: &str) -> bool {
        key_text::are_equal(self.secret_hash.as_bytes(), hash.as_bytes())
    }

    /// True when its use was last noted so long ago that it is to be noted again.
    pub(super) fn is_use_behind(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|last| last.plus_micros(LAST_USED_GRAIN_MICROS) <= now)
    }
}

impl Session {
    /// Notes that the session's key has been used, if that was last noted a minute ago or more. It is no change of the
    /// key: its version stays, and the audit trail has no entry. It is tried at most once a minute, even if it fails.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let made = acme.api_keys().mint(&ApiKeyDraft::new("report"))?;
    /// engine.authenticate(&made.key)?.note_use()?;
    /// assert!(acme.api_keys().get(made.model.id)?.last_used_at.is_some());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the store. They are no reason to turn the caller away.
    pub fn note_use(&self) -> Result<(), Error> {
        let Caller::ApiKey { id, .. } = self.caller() else { return Ok(()) };
        let now = self.engine().clock().now();
        if !self.has_unnoted_use() || !self.engine().may_note_use(self.tenant().id, *id, now) {
            return Ok(());
        }
        let json = quote(&now.to_string());
        self.write(|transaction| {
            write::set_silently(transaction, ApiKey::definition(), *id, LAST_USED_AT, &json)
        })
    }
}

impl Collection<'_, ApiKey> {
    /// Makes a key. It takes the scope admin, so no key has a greater scope than its maker.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let made = acme.api_keys().mint(&ApiKeyDraft::new("nightly import").scopes(Scope::Read | Scope::Write))?;
    /// assert!(made.key.starts_with("rk_live_"));
    /// let session = engine.authenticate(&made.key)?;
    /// assert_eq!(session.scope(), Scope::Write);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) without the scope admin, beyond which no key goes;
    /// [`Code::Validation`](crate::Code::Validation) with all that is wrong with the draft.
    pub fn mint(&self, draft: &ApiKeyDraft) -> Result<NewApiKey, Error> {
        self.session.require(ApiKey::WRITE)?;
        let made = mint(&self.verbs(), &Body::of(&DRAFT, draft.given()), &WriteOptions::default())?;
        let key = made.key.ok_or_else(|| Error::internal("a new key is known"))?;
        Ok(NewApiKey { model: made.written.record.read()?, key })
    }

    /// Revokes a key for good: from now on every server refuses it, and no update makes it active again. The record stays.
    /// A key that is revoked already is answered as it is.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let made = acme.api_keys().mint(&ApiKeyDraft::new("report"))?;
    /// assert!(!acme.api_keys().revoke(made.model.id)?.is_active);
    /// assert!(engine.authenticate(&made.key).is_err());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound); [`Code::Validation`](crate::Code::Validation) when it is the
    /// tenant's last credential that works and has the scope admin, as then nobody could make another;
    /// [`Code::Forbidden`](crate::Code::Forbidden) without that scope.
    pub fn revoke(&self, id: Id<ApiKey>) -> Result<ApiKey, Error> {
        self.update(id, &ApiKeyUpdate::new().is_active(false))
    }
}

impl JsonCollection<'_, ApiKey> {
    /// [`Collection::mint`] by the JSON of a draft, with options.
    ///
    /// # Errors
    /// Those of `mint`, [`Code::MalformedJson`](crate::Code::MalformedJson), and those of the options.
    pub fn mint(&self, json: &[u8], options: &WriteOptions) -> Result<MintedApiKey, Error> {
        self.session.require(ApiKey::WRITE)?;
        let body = Body::read(&DRAFT, json, self.session.tenant().profile, "the body")?;
        mint(&self.verbs(), &body, options)
    }

    /// [`Collection::revoke`], with options.
    ///
    /// # Errors
    /// Those of `revoke`, and those of the options.
    pub fn revoke(&self, id: Id<ApiKey>, options: &WriteOptions) -> Result<Written<Row<ApiKey>>, Error> {
        self.update(id, br#"{"isActive":false}"#, options)
    }
}

fn mint(verbs: &Verbs<'_, ApiKey>, body: &Body<'_>, options: &WriteOptions) -> Result<MintedApiKey, Error> {
    let session = verbs.session;
    let mut members = body.create(&DRAFT)?;
    let secret = Secret::new(session.engine(), session.tenant().id);
    members.set(KEY_PREFIX, quote(secret.beginning()));
    members.set(SECRET_HASH, quote(&secret.hash()));
    members.set(CREATED_BY, quote(&session.caller().to_string()));
    let (definition, options) = (verbs.definition(), options.for_act::<ApiKey>("mint", None));
    let written = verbs.write_one(None, &options, body, &mut |transaction| {
        write::create_checked(transaction, definition, &members)
    })?;
    let key = if written.replayed { None } else { Some(secret.key(written.record.id().as_uuid())) };
    Ok(MintedApiKey { written, key })
}
