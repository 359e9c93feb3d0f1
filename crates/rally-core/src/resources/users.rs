use std::{fmt, sync::LazyLock};

use argon2::{Argon2, password_hash::PasswordHasher};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{api_keys, api_keys::LAST_ADMIN, audit, contacts::fold_email, links_to};
use crate::{
    base::{Code, Error, Faults, Id, Kind, Patch, Scope, TenantId, Timestamp, limits},
    engine::{
        self, Body, Bytes, Change, Collection, Creatable, Draft, Editable, Link, Model, Record, Resource,
        Revision, Rule, Rules, Session, Stage, Term, lookup, quote, stored, unquote,
    },
};

const EMAIL: u8 = 0;
pub(super) const NAME: u8 = 1;
const SCOPES: u8 = 2;
const IS_ACTIVE: u8 = 3;
const PASSWORD: u8 = 4;
/// When what the user logs in with last changed: what was opened with it before is open no more.
const CREDENTIAL_SINCE: u8 = 5;
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };
/// The index of users who may do everything.
const ADMINS: u8 = 200;
const IS_ADMIN: &str = "true";

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::new(&[
        engine::id(),
        engine::tenant_id(),
        stored(EMAIL, "email", Rule::Email).required().natural_key(fold_email).searched(),
        stored(NAME, "name", SHORT).required().searched(),
        stored(SCOPES, "scopes", Rule::Scopes).default("\"read\""),
        stored(IS_ACTIVE, "isActive", Rule::Boolean).default("true"),
        stored(PASSWORD, "password", Rule::Password).write_only(),
        stored(CREDENTIAL_SINCE, "credentialSince", Rule::Instant).hidden(),
        lookup(ADMINS, write_is_admin),
        engine::created_at(),
        engine::updated_at(),
    ])
    .under(Rules { prepare, settle, keep, audited: Some(audit::note), ..Rules::NONE })
});

/// A person who works for a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct User {
    /// The user's id.
    pub id: Id<User>,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// The address that the user logs in with, as it was typed; unique in the tenant, compared without regard to case.
    pub email: String,
    /// What the user is called.
    pub name: String,
    /// Scopes, separated by commas; the highest counts.
    pub scopes: String,
    /// Whether the user may log in.
    pub is_active: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What creates a [`User`]; only e-mail address and name are required. Without a password nobody can log in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `User`")]
pub struct UserDraft {
    pub email: String,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_active: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Password>,
}

/// What updates a [`User`]; each member stays, is cleared or is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `User`")]
pub struct UserChange {
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub email: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub name: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub scopes: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub is_active: Patch<bool>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub password: Patch<Password>,
}

impl User {
    /// An e-mail address as users are told apart by it: all spellings that log the same user in are one text.
    #[must_use]
    pub fn folded_email(email: &str) -> String {
        fold_email(email.trim()).unwrap_or_default()
    }
}

impl Session {
    /// The tenant's users.
    #[must_use]
    pub fn users(&self) -> Collection<'_, User> {
        Collection::new(self)
    }
}

impl Resource for User {
    const KIND: Kind = Kind::User;

    fn model() -> &'static Model {
        &MODEL
    }

    fn links() -> Vec<Link> {
        links_to(Self::KIND)
    }
}

impl Editable for User {
    const WRITE: Scope = Scope::Admin;
    type Change = UserChange;
}

impl Creatable for User {
    type Draft = UserDraft;
}

impl Draft<User> for UserDraft {}

impl Change<User> for UserChange {}

/// A password on its way in. It is kept as its argon2id hash alone, and is never written anywhere.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Password(String);

impl From<&str> for Password {
    fn from(password: &str) -> Self {
        Self(password.to_owned())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// What logging in as a user takes, read straight from the stored members.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) id: Id<User>,
    pub(super) email: String,
    pub(super) name: String,
    pub(super) scope: Scope,
    pub(super) is_active: bool,
    pub(super) password_hash: Option<String>,
    pub(super) since: Timestamp,
}

impl Account {
    pub(super) fn read(user: &Record<'_>) -> Result<Self, Error> {
        let text = |slot| Some(unquote(user.slot(slot))).filter(|text| !text.is_empty());
        let since = text(CREDENTIAL_SINCE).map(|text| text.parse().map_err(Error::internal)).transpose()?;
        Ok(Self {
            id: Id::from_uuid(user.id),
            email: text(EMAIL).unwrap_or_default(),
            name: text(NAME).unwrap_or_default(),
            scope: Scope::highest(&text(SCOPES).unwrap_or_default()).map_err(Error::internal)?,
            is_active: user.slot(IS_ACTIVE) == b"true",
            password_hash: text(PASSWORD),
            since: since.unwrap_or(Timestamp::MIN),
        })
    }

    /// One that nobody can log in as.
    pub(super) fn nobody() -> Self {
        Self {
            id: Id::default(),
            email: String::new(),
            name: String::new(),
            scope: Scope::Read,
            is_active: false,
            password_hash: None,
            since: Timestamp::MIN,
        }
    }
}

/// The user with an e-mail address.
pub(super) fn find(lookup: &Session, email: &str) -> Result<Option<Account>, Error> {
    let folded = User::folded_email(email);
    if folded.is_empty() || email.len() > 4 * limits::EMAIL {
        return Ok(None);
    }
    let row = lookup.users().find(&*lookup.snapshot()?, EMAIL, &folded)?;
    row.map(|row| Account::read(&row.record()?)).transpose()
}

/// Puts a password's hash in its place. That takes long, so it happens before the store is asked.
fn prepare(session: &Session, body: &mut Body<'_>) -> Result<(), Error> {
    let Some(password) = body.value(PASSWORD).map(|json| unquote(json.as_bytes())) else { return Ok(()) };
    let salt: [u8; 16] = session.engine().random();
    let hash =
        Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).map_err(Error::internal)?;
    body.replace(PASSWORD, quote(&hash.to_string()));
    Ok(())
}

fn settle(stage: &Stage<'_>, user: &mut Revision<'_>) -> Result<(), Error> {
    let is_admin = |scopes: &str, is_active: &str| is_admin(scopes.as_bytes(), is_active.as_bytes());
    let was = is_admin(user.text_before(SCOPES), user.text_before(IS_ACTIVE));
    if was && !is_admin(user.text(SCOPES), user.text(IS_ACTIVE)) && !another_is_admin(stage, user.id)? {
        let member = if user.text(IS_ACTIVE) == IS_ADMIN { "scopes" } else { "isActive" };
        user.wrong.add(member, "must stay as it is for the last active user who is an admin");
    }
    let opens = |is_admin: bool, password: &str| is_admin && !password.is_empty();
    let is = is_admin(user.text(SCOPES), user.text(IS_ACTIVE));
    if opens(was, user.text_before(PASSWORD))
        && !opens(is, user.text(PASSWORD))
        && !another_opens(stage, user.id)?
    {
        for (slot, name) in [(PASSWORD, "password"), (SCOPES, "scopes"), (IS_ACTIVE, "isActive")] {
            if user.changes(slot) && !user.wrong.by_member().contains_key(name) {
                user.wrong.add(name, LAST_ADMIN);
            }
        }
    }
    if user.changes(PASSWORD) || user.changes(IS_ACTIVE) {
        let now = quote(&user.at.to_string());
        user.set(CREDENTIAL_SINCE, now);
    }
    Ok(())
}

/// The last user who may do everything stays.
fn keep(stage: &Stage<'_>, id: Uuid, user: &Bytes) -> Result<(), Error> {
    let record = Record::read(stage.tenant.id, id, user)?;
    let is_needed = is_admin(record.slot(SCOPES), record.slot(IS_ACTIVE))
        && !(another_is_admin(stage, Some(id))?
            && (record.slot(PASSWORD).is_empty() || another_opens(stage, Some(id))?));
    if !is_needed {
        return Ok(());
    }
    let detail = "this is the last active user who is an admin; make another one before you delete it";
    let faults = Faults::one("scopes", "must not go with the last active user who is an admin");
    Err(Error::new(Code::Validation, detail).with_faults(faults))
}

/// Whether somebody else can make credentials: by an API key, or by a password.
fn another_opens(stage: &Stage<'_>, id: Option<Uuid>) -> Result<bool, Error> {
    Ok(api_keys::an_admin_key_works(stage, None)? || an_admin_has_a_password(stage, id)?)
}

fn another_is_admin(stage: &Stage<'_>, id: Option<Uuid>) -> Result<bool, Error> {
    let admins = stage.indexed(Kind::User, ADMINS, Term::text(IS_ADMIN), 2)?;
    Ok(admins.into_iter().any(|admin| Some(admin) != id))
}

/// Whether an active user who is an admin can log in, other than one.
pub(super) fn an_admin_has_a_password(stage: &Stage<'_>, id: Option<Uuid>) -> Result<bool, Error> {
    for admin in stage.indexed(Kind::User, ADMINS, Term::text(IS_ADMIN), limits::PAGE)? {
        if let Some(user) = stage.find(Kind::User, admin)?.filter(|_| Some(admin) != id)
            && !Record::read(stage.tenant.id, admin, &user)?.slot(PASSWORD).is_empty()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_admin(scopes: &[u8], is_active: &[u8]) -> bool {
    is_active == IS_ADMIN.as_bytes() && Scope::highest(&unquote(scopes)) == Ok(Scope::Admin)
}

/// The term that users who may do everything have, and others have not.
fn write_is_admin(user: &Record<'_>, out: &mut Vec<u8>) {
    if is_admin(user.slot(SCOPES), user.slot(IS_ACTIVE)) {
        out.extend_from_slice(IS_ADMIN.as_bytes());
    }
}
