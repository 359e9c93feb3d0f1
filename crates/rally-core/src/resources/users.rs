use std::{fmt, sync::LazyLock};

use serde::Serialize;
use uuid::Uuid;

use super::{
    administrators::{self, user},
    audit, define,
};
use crate::{
    base::{Code, Error, Faults, Id, Kind, Patch, Scope, Scopes, TenantId, Timestamp, limits},
    engine::{
        codec::{Bytes, Slot},
        schema::{
            self, Body, Keyed, Model, Record, Resource, Row, Rule, Searchable, fold_email, quote, read_bool,
            read_stored, stored, text_of, unquote,
        },
        session::{Collection, Session, WriteOptions, resource},
        write::{Creatable, Definition, Deleted, Editable, Preparation, Revision, Rules, Transaction},
    },
};

const EMAIL: Slot = Slot::new(0);
pub(super) const NAME: Slot = Slot::new(1);
/// The last change of the password or of the user being active: sessions that were opened before it are over.
const CREDENTIAL_SINCE: Slot = Slot::new(5);
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new(Kind::User, &User::members()));

resource! {
    /// A person who works for a tenant.
    pub struct User;
    draft {
        /// Creates a [`User`]. Nobody can log in as a user without a password.
        pub struct UserDraft;
    }
    update {
        /// Updates a [`User`].
        pub struct UserUpdate;
    }

    members {
        /// Identity of the user.
        read id: Id<User> = schema::id();
        /// The tenant that it belongs to.
        read tenant_id: TenantId = schema::tenant_id();
        /// The address that the user logs in with, as it was typed; unique in the tenant, where spellings of one
        /// mailbox are the same.
        required email: String = stored(EMAIL, "email", Rule::Email).natural_key(fold_email).searched();
        /// Name.
        required name: String = stored(NAME, "name", SHORT).searched();
        /// Scopes; the highest counts. `read` unless they are set.
        defaulted scopes: Scopes = stored(user::SCOPES, "scopes", Rule::Scopes).default(Scope::Read.json());
        /// True when the user may log in.
        defaulted is_active: bool = stored(user::IS_ACTIVE, "isActive", Rule::Boolean).default("true");
        /// The instant of its creation.
        read created_at: Timestamp = schema::created_at();
        /// The instant of its last change.
        read updated_at: Timestamp = schema::updated_at();
    }
    written {
        /// Password, 12 to 128 characters. It is kept as a hash alone.
        password: Password = stored(user::PASSWORD, "password", Rule::Password);
    }
    hidden {
        stored(CREDENTIAL_SINCE, "credentialSince", Rule::Instant).hidden();
        administrators::lookup_of_users();
    }
}

impl User {
    /// An e-mail address, folded: all spellings that log the same user in become one text.
    ///
    /// ```
    /// # use rally_core::*;
    /// assert_eq!(User::folded_email(" Ada@X.example"), User::folded_email("ada@x.example"));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn folded_email(email: &str) -> String {
        let email = email.trim();
        fold_email(email).unwrap_or_else(|| email.to_owned())
    }
}

impl Collection<'_, User> {
    /// Deletes a user, and hands the records that the user is responsible for to another one.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let [olga, otto] = ["olga", "otto"].map(|name| UserDraft::new(format!("{name}@x.example"), name));
    /// let (olga, otto) = (acme.users().create(&olga)?, acme.users().create(&otto)?);
    /// let looms = acme.companies().create(&CompanyDraft::new("Looms").owner_id(olga.id))?;
    /// acme.users().delete_for(olga.id, otto.id)?;
    /// assert_eq!(acme.companies().get(looms.id)?.owner_id, Some(otto.id));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`delete`](Self::delete), and [`Code::BadReference`](crate::Code::BadReference) if there is no such other
    /// user.
    pub fn delete_for(&self, id: Id<User>, heir: Id<User>) -> Result<(), Error> {
        self.delete_for_with(id, heir, &WriteOptions::default()).map(drop)
    }

    /// [`delete_for`](Collection::delete_for) with options.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let olga = acme.users().create(&UserDraft::new("olga@x.example", "Olga"))?;
    /// let nobody = olga.id;
    /// let error = acme.users().delete_for_with(olga.id, nobody, &WriteOptions::default()).unwrap_err();
    /// assert_eq!(error.code(), Code::Validation);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `delete_for`, and those of the options.
    pub fn delete_for_with(
        &self,
        id: Id<User>,
        heir: Id<User>,
        options: &WriteOptions,
    ) -> Result<Deleted<User>, Error> {
        self.verbs().delete_for(id, Some(heir), options)
    }
}

impl Resource for User {
    const KIND: Kind = Kind::User;

    fn model() -> &'static Model {
        &MODEL
    }

    fn read(row: &Row<Self>) -> Result<Self, Error> {
        Self::read_row(row)
    }
}

impl Editable for User {
    const WRITE: Scope = Scope::Admin;
    type Update = UserUpdate;

    fn definition() -> Definition {
        define(&MODEL, &RULES)
    }
}

impl Creatable for User {
    type Draft = UserDraft;
}

impl Keyed for User {
    const KEY: &'static str = "email";
}

impl Searchable for User {}

static RULES: Rules = Rules { prepare, settle, check_delete, audit: audit::note, ..Rules::NONE };

/// A password to be set. It is kept as its argon2id hash alone, and is never written anywhere.
#[derive(Clone, PartialEq, Eq, Serialize)]
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

impl From<&str> for Patch<Password> {
    fn from(password: &str) -> Self {
        Patch::Set(password.into())
    }
}

/// The members of a user that logging in takes, read straight from the stored record.
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
        let scopes: Scopes = read_stored(user.slot(user::SCOPES), "scopes")?;
        let password_hash = match user.slot(user::PASSWORD) {
            [] => None,
            json => Some(unquote(json)?),
        };
        Ok(Self {
            id: Id::from_uuid(user.id),
            email: unquote(user.slot(EMAIL))?,
            name: unquote(user.slot(NAME))?,
            scope: scopes.highest(),
            is_active: read_bool(user.slot(user::IS_ACTIVE))?,
            password_hash,
            since: read_stored(user.slot(CREDENTIAL_SINCE), "the instant of a credential")?,
        })
    }
}

/// The user with an e-mail address.
pub(super) fn find(lookup: &Session, email: &str) -> Result<Option<Account>, Error> {
    let folded = User::folded_email(email);
    if folded.is_empty() || email.len() > 4 * limits::EMAIL {
        return Ok(None);
    }
    let view = lookup.view()?;
    let row = view.records::<User>().row_by_key(EMAIL, &folded)?;
    row.map(|row| Account::read(&row.record()?)).transpose()
}

/// Replaces a password by its argon2id hash. That takes long on purpose, so it is done before the write begins, except
/// within a host's transaction.
fn prepare(preparation: Preparation<'_>, body: &mut Body<'_>) -> Result<(), Error> {
    let Some(password) = body.value(user::PASSWORD).map(text_of) else { return Ok(()) };
    let mut salt = [0; 16];
    preparation.entropy.fill(&mut salt);
    let hash = preparation.passwords.hash(&password, &salt).map_err(Error::internal)?;
    body.replace(user::PASSWORD, quote(&hash));
    Ok(())
}

fn settle(transaction: &Transaction<'_>, user: &mut Revision<'_>) -> Result<(), Error> {
    administrators::judge_user(transaction, user)?;
    if user.changes(user::PASSWORD) || user.changes(user::IS_ACTIVE) {
        let now = quote(&user.at.to_string());
        user.set(CREDENTIAL_SINCE, now);
    }
    Ok(())
}

/// Refuses to delete the last active user with the scope admin.
fn check_delete(transaction: &Transaction<'_>, id: Uuid, user: &Bytes) -> Result<(), Error> {
    let record = Record::read(transaction.tenant().id, id, user)?;
    if !administrators::needs_user(transaction, &record)? {
        return Ok(());
    }
    let detail = "this is the last active user who is an admin; make another one before you delete it";
    let faults = Faults::one("scopes", "must not go with the last active user who is an admin");
    Err(Error::new(Code::Validation, detail).with_faults(faults))
}
