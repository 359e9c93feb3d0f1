//! Keys that programs authenticate with.
//!
//! A key is `rk_live_` (or `rk_test_`), 32 characters of base 62 that are its secret (190 bits), and 22 that say which
//! tenant to look in. The store holds the SHA-256 hash of the whole and nothing that the key could be made from.

use std::{borrow::Cow, fmt, sync::LazyLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    base::{Code, Error, Faults, Id, Kind, Scope, TenantId, Timestamp, limits},
    engine::{
        self, Answer, Body, Caller, Collection, Draft, Engine, Link, Model, Resource, Row, Rule, Session,
        Slots, Stage, WriteOptions, quote, stored, unquote,
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

const LIVE: &str = "rk_live_";
const TEST: &str = "rk_test_";
const SECRET_CHARACTERS: usize = 32;
const TENANT_CHARACTERS: usize = 22;
const BASE_62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::new(&[
        engine::id(),
        stored(KEY_PREFIX, "keyPrefix", SHORT).read_only(),
        stored(SECRET_HASH, "secretHash", SHORT)
            .natural_key(|hash| Some(hash.to_owned()).filter(|h| !h.is_empty()))
            .hidden(),
        stored(NAME, "name", SHORT).required(),
        stored(SCOPES, "scopes", Rule::Scopes).default("\"read\""),
        stored(EXPIRES_AT, "expiresAt", Rule::Instant),
        stored(LAST_USED_AT, "lastUsedAt", Rule::Instant).read_only(),
        stored(IS_ACTIVE, "isActive", Rule::Boolean).read_only(),
        engine::created_at(),
        stored(CREATED_BY, "createdBy", SHORT).read_only(),
    ])
});

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

/// A key that was just made: the only time that all of it is known.
pub struct NewApiKey {
    /// What is kept of it.
    pub model: ApiKey,
    /// The whole key.
    pub key: String,
}

impl fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiKey").field("model", &self.model).finish_non_exhaustive()
    }
}

impl Engine {
    /// Opens a session for whoever has this API key. Whoever lets the caller in goes on to
    /// [`note_use`](Session::note_use).
    ///
    /// # Errors
    /// [`Code::Unauthorized`] for any text that is not a key that works now, always with the same words.
    pub fn authenticate(&self, key: &str) -> Result<Session, Error> {
        let tenant = tenant_of(key).ok_or_else(unknown_key)?;
        let info = self.tenant_by_id(tenant)?.ok_or_else(unknown_key)?;
        // Until the key has been seen to be good, nobody is asking.
        let nobody = Caller::Host { name: "authentication".to_owned() };
        let lookup = Session::open(self.clone(), info.clone(), nobody, Scope::Admin);
        let (keys, hash, snapshot) = (lookup.api_keys(), hash(key), lookup.snapshot()?);
        let rate_seen =
            self.see_rate(&*snapshot, || Collection::<ApiKey>::natural_key(SECRET_HASH, &hash))?;
        let row = keys.find(&*snapshot, SECRET_HASH, &hash)?.ok_or_else(unknown_key)?;
        let now = self.clock().now();
        let grant = Grant::read(&row)?;
        if !grant.works(now) {
            return Err(unknown_key());
        }
        let is_behind = grant.last_used_at.is_none_or(|last| last.plus_micros(LAST_USED_GRAIN_MICROS) <= now);
        let caller = Caller::ApiKey { id: row.id().as_uuid(), name: grant.name };
        let session = Session::open(self.clone(), info, caller, grant.scope);
        Ok(session.with_unnoted_use(is_behind).with_rate_seen(rate_seen))
    }
}

/// What a key allows, read straight from its stored members: this happens at every request.
struct Grant {
    name: String,
    scope: Scope,
    is_active: bool,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

impl Grant {
    fn read(row: &Row<ApiKey>) -> Result<Self, Error> {
        let record = row.record()?;
        let instant = |slot| match record.slot(slot) {
            [] => Ok(None),
            json => unquote(json).parse().map(Some).map_err(Error::internal),
        };
        Ok(Self {
            name: unquote(record.slot(NAME)),
            scope: Scope::highest(&unquote(record.slot(SCOPES))).map_err(Error::internal)?,
            is_active: record.slot(IS_ACTIVE) == b"true",
            expires_at: instant(EXPIRES_AT)?,
            last_used_at: instant(LAST_USED_AT)?,
        })
    }

    /// Whether the key works: it is neither revoked nor expired.
    fn works(&self, now: Timestamp) -> bool {
        self.is_active && self.expires_at.is_none_or(|end| now < end)
    }

    fn is_working_admin(&self, now: Timestamp) -> bool {
        self.scope == Scope::Admin && self.works(now)
    }
}

impl Session {
    /// Notes that the session's key has been used, if that was last noted a minute ago or more. It is no change of the
    /// key, so the feed does not tell of it; and it is tried once a minute only, whether it succeeds or not.
    ///
    /// # Errors
    /// What the store says. That is no reason to turn the caller away.
    pub fn note_use(&self) -> Result<(), Error> {
        let Caller::ApiKey { id, .. } = self.caller() else { return Ok(()) };
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
    /// Makes a key. Nobody makes one that may do more than they may themselves.
    ///
    /// # Errors
    /// [`Code::Forbidden`] when the scopes go beyond the session's own, or it may not make keys at all;
    /// [`Code::Validation`] with all that is wrong with the draft.
    pub fn mint(&self, draft: &impl Draft<ApiKey>) -> Result<NewApiKey, Error> {
        self.session.require(ApiKey::READ)?;
        let json = draft.to_json();
        let body: Body<'_> = self.body(&json)?;
        let mut slots: Slots<'_> = body.create(ApiKey::model())?;
        let key = self.session.engine().new_key(self.session.tenant().id);
        let prefix: String = key.chars().take(LIVE.len() + 4).collect();
        for (slot, value) in [
            (KEY_PREFIX, quote(&prefix)),
            (SECRET_HASH, quote(&hash(&key))),
            (IS_ACTIVE, "true".to_owned()),
            (CREATED_BY, quote(&self.session.caller().to_string())),
        ] {
            set(&mut slots, slot, value);
        }
        let done = self
            .session
            .write(&WriteOptions::default(), &mut |stage| engine::create_checked::<ApiKey>(stage, &slots))?;
        Ok(NewApiKey { model: self.read_written(done.answer)?, key })
    }

    /// Ends a key for good: on every server it is unknown from now on. The record stays. A key that is revoked already
    /// is answered as it is.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Validation`] when it is the last key that works and has the scope admin, as then
    /// nobody could make another; [`Code::Forbidden`] without that scope.
    pub fn revoke(&self, id: Id<ApiKey>) -> Result<ApiKey, Error> {
        self.session.require(ApiKey::READ)?;
        let done = self.session.write(&WriteOptions::default(), &mut |stage| {
            self.check_an_admin_is_left(stage, id)?;
            engine::change::<ApiKey>(stage, id.as_uuid(), IS_ACTIVE, "false".to_owned())
        })?;
        self.read_written(done.answer)
    }

    /// Checks that without this key somebody could still make one. A key that opens nothing may always go.
    fn check_an_admin_is_left(&self, stage: &Stage<'_>, id: Id<ApiKey>) -> Result<(), Error> {
        let record = engine::existing::<ApiKey>(stage, id.as_uuid(), None)?;
        if !Grant::read(&self.row(id.as_uuid(), record))?.is_working_admin(stage.now) {
            return Ok(());
        }
        let is_another =
            |row: &Row<ApiKey>| Ok(row.id() != id && Grant::read(row)?.is_working_admin(stage.now));
        if engine::any(stage, self.session, is_another)? { Ok(()) } else { Err(last_admin()) }
    }

    fn read_written(&self, answer: Answer) -> Result<ApiKey, Error> {
        match answer {
            Answer::Written { id, record, .. } => self.row(id, record).read(),
            _ => Err(Answer::of_another_kind()),
        }
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

impl Draft<ApiKey> for ApiKeyDraft {
    fn to_json(&self) -> Cow<'_, [u8]> {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

impl Engine {
    fn new_key(&self, tenant: TenantId) -> String {
        let prefix = if self.config().test_keys { TEST } else { LIVE };
        let mut key = String::from(prefix);
        while key.len() < prefix.len() + SECRET_CHARACTERS {
            let [byte] = self.random();
            // 248 is the greatest multiple of 62 in a byte; above it the first letters would come too often.
            if let Some(letter) = BASE_62.get(usize::from(byte % 62)).filter(|_| byte < 248) {
                key.push(char::from(*letter));
            }
        }
        key.push_str(&base_62(tenant.as_uuid().as_u128()));
        key
    }
}

fn base_62(mut number: u128) -> String {
    let mut letters = [b'0'; TENANT_CHARACTERS];
    for letter in letters.iter_mut().rev() {
        let digit = usize::try_from(number % 62).unwrap_or_default();
        *letter = BASE_62.get(digit).copied().unwrap_or(b'0');
        number /= 62;
    }
    letters.iter().map(|letter| char::from(*letter)).collect()
}

/// The tenant that a key says it belongs to; nothing if it is no key at all.
fn tenant_of(key: &str) -> Option<TenantId> {
    let letters = key.strip_prefix(LIVE).or_else(|| key.strip_prefix(TEST))?;
    if letters.len() != SECRET_CHARACTERS + TENANT_CHARACTERS {
        return None;
    }
    let mut number = 0u128;
    for (place, letter) in letters.bytes().enumerate() {
        let digit = BASE_62.iter().position(|known| *known == letter)?;
        if place >= SECRET_CHARACTERS {
            number = number.checked_mul(62)?.checked_add(u128::try_from(digit).ok()?)?;
        }
    }
    Some(TenantId::from_uuid(Uuid::from_u128(number)))
}

/// The SHA-256 hash of a key, in hexadecimal.
fn hash(key: &str) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    Sha256::digest(key).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn set(slots: &mut Slots<'_>, slot: u8, json: String) {
    if let Some(value) = slots.get_mut(usize::from(slot)) {
        *value = json.into();
    }
}

fn last_admin() -> Error {
    let why = "must stay true for the tenant's last admin key that works";
    Error::new(
        Code::Validation,
        "this is the tenant's last admin key that works; make another before you revoke it",
    )
    .with_faults(Faults::one("isActive", why))
}

fn unknown_key() -> Error {
    Error::new(Code::Unauthorized, "the API key or token is missing, unknown, expired or revoked")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_says_which_tenant_it_belongs_to(tenant: u128, secret in "[0-9A-Za-z]{32}") {
            let tenant = TenantId::from_uuid(Uuid::from_u128(tenant));
            let key = format!("{LIVE}{secret}{}", base_62(tenant.as_uuid().as_u128()));
            prop_assert_eq!(tenant_of(&key), Some(tenant));
        }

        #[test]
        fn any_text_is_a_key_or_none_and_never_a_panic(text in "(rk_live_)?[0-9A-Za-zé]{0,56}") {
            let _ = tenant_of(&text);
        }
    }
}
