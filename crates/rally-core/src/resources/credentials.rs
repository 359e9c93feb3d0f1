//! Credentials, which open sessions: API keys and users' passwords.

use std::net::IpAddr;

use super::{
    ApiKey, User,
    api_keys::StoredKey,
    audit,
    key_text::ApiKeyText,
    users::{self, Account},
};
use crate::{
    base::{Code, Error, Id, Kind, Scope, TenantId, Timestamp},
    engine::{
        keys::spaces,
        session::{Caller, Engine, Session},
    },
    store::StoreError,
};

/// The hash that a password is compared with if there is no such user, so that the answer takes as long: that of
/// `nobody's password` with the parameters of all others.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$p0QVQVnCG3NcF1W6G+ydHmjbrtPHCic6ognd5JvPZYo";

impl Engine {
    /// Opens a session for the holder of an API key. A host that serves the caller then calls
    /// [`note_use`](Session::note_use).
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let made = acme.api_keys().mint(&ApiKeyDraft::new("report"))?;
    /// assert_eq!(engine.authenticate(&made.key)?.caller().to_string(), "apikey:report");
    /// assert_eq!(engine.authenticate("rk_live_guessed").unwrap_err().code(), Code::Unauthorized);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unauthorized`] for any text that is not a key that works now, always with the same words;
    /// [`Code::Unavailable`] when the store cannot answer.
    pub fn authenticate(&self, key: &str) -> Result<Session, Error> {
        self.authenticate_key(&ApiKeyText::parse(key).ok_or_else(Error::unauthorized)?)
    }

    /// [`authenticate`](Self::authenticate), by a key whose text was read before.
    ///
    /// # Errors
    /// [`Code::Unauthorized`], always with the same words; [`Code::Unavailable`] when the store cannot answer.
    pub fn authenticate_key(&self, key: &ApiKeyText) -> Result<Session, Error> {
        let lookup = self.lookup(key.tenant())?;
        let view = lookup.view()?;
        let rate_seen = self.see_rate(view.snapshot(), || spaces::record(Kind::ApiKey, key.id()))?;
        let row = found(view.records::<ApiKey>().row(Id::from_uuid(key.id())))?;
        let (now, stored) = (self.clock().now(), StoredKey::read(&row.record()?)?);
        if !stored.has_hash(&key.hash()) || !stored.works(now) {
            return Err(Error::unauthorized());
        }
        let is_behind = stored.is_use_behind(now);
        let caller = Caller::ApiKey { id: key.id(), name: stored.name };
        let session = Session::open(self.clone(), lookup.tenant_shared(), caller, stored.scope);
        Ok(session.until(stored.expires_at).with_unnoted_use(is_behind).with_rate_seen(rate_seen))
    }

    /// Opens a session for a user of the tenant with a slug, by e-mail address and password. It takes as long if there
    /// is no such user or tenant.
    ///
    /// The login is in the audit trail, whether it succeeds or not: nobody logs in while that cannot be written. `source` is
    /// the caller's address. Hashing the password takes long on purpose: some tens of
    /// milliseconds and 19 MiB (argon2id, as OWASP advises). A host that offers this to anonymous callers limits how
    /// often they call it.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// acme.users().create(&UserDraft::new("ada@x.example", "Ada").password("engines, not looms"))?;
    /// let session = engine.log_in("acme", "ADA@x.example", "engines, not looms", None)?;
    /// assert_eq!((session.caller().to_string().as_str(), session.scope()), ("ada@x.example", Scope::Read));
    /// assert!(engine.log_in("acme", "ada@x.example", "a guess", None).is_err());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unauthorized`], always with the same words; [`Code::Unavailable`] when the store cannot answer.
    pub fn log_in(
        &self,
        tenant: &str,
        email: &str,
        password: &str,
        source: Option<IpAddr>,
    ) -> Result<Session, Error> {
        let (lookup, account) = self.account(tenant, email, source)?;
        let hash = account.as_ref().and_then(|account| account.password_hash.as_deref());
        let is_right = self.verify(password, hash.unwrap_or(NOBODYS_HASH))? && hash.is_some();
        if let Some(account) = account.filter(|account| is_right && account.is_active) {
            let session = self.opened(&lookup, account).called_from(source);
            if let Caller::User { id, .. } = session.caller() {
                audit::note_success(&session, *id)?;
            }
            return Ok(session);
        }
        audit::note_failure(&lookup, email)?;
        Err(Error::new(Code::Unauthorized, "the tenant, the e-mail address or the password is wrong"))
    }

    /// Opens a session for a user who has logged in before. `credential_since` is that of [`Caller::User`] at that
    /// login.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let ada = acme.users().create(&UserDraft::new("ada@x.example", "Ada").password("engines, not looms"))?;
    /// let session = engine.log_in("acme", "ada@x.example", "engines, not looms", None)?;
    /// let Caller::User { credential_since, .. } = session.caller() else { unreachable!() };
    /// assert!(engine.session_of(ada.tenant_id, ada.id, *credential_since).is_ok());
    /// acme.users().update(ada.id, &UserUpdate::new().password("looms, not engines"))?;
    /// assert!(engine.session_of(ada.tenant_id, ada.id, *credential_since).is_err());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unauthorized`] when the user is gone or may not log in any more, or the password has changed since;
    /// [`Code::Unavailable`] when the store cannot answer.
    pub fn session_of(
        &self,
        tenant: TenantId,
        user: Id<User>,
        credential_since: Timestamp,
    ) -> Result<Session, Error> {
        let lookup = self.lookup(tenant)?;
        let view = lookup.view()?;
        let rate_seen = self.see_rate(view.snapshot(), || spaces::record(Kind::User, user.as_uuid()))?;
        let row = found(view.users().row(user))?;
        let account = Account::read(&row.record()?)?;
        if !account.is_active || account.since != credential_since {
            return Err(Error::unauthorized());
        }
        Ok(self.opened(&lookup, account).with_rate_seen(rate_seen))
    }

    fn opened(&self, lookup: &Session, account: Account) -> Session {
        let Account { id, email, name, scope, since, .. } = account;
        let caller = Caller::User { id: id.as_uuid(), email, name, credential_since: since };
        Session::open(self.clone(), lookup.tenant_shared(), caller, scope)
    }

    /// The account to log in to, and the session in which the attempt is noted. An unknown account takes the same
    /// steps as a known one; an attempt at an unknown tenant is noted in the directory, which takes as long.
    fn account(
        &self,
        tenant: &str,
        email: &str,
        source: Option<IpAddr>,
    ) -> Result<(Session, Option<Account>), Error> {
        let lookup = match self.tenant(tenant) {
            Err(error) if error.is_not_found() => self.directory(),
            tenant => self.lookup(tenant?.id)?,
        };
        let found = users::find(&lookup, email)?;
        Ok((lookup.called_from(source), found))
    }

    fn verify(&self, password: &str, hash: &str) -> Result<bool, StoreError> {
        let verified = self.passwords().verify(password, hash);
        verified.map_err(|cause| StoreError::Corrupt { what: format!("a password hash: {cause}") })
    }

    /// A session to look a credential up in, before its caller is known.
    fn lookup(&self, tenant: TenantId) -> Result<Session, Error> {
        let info = self.tenant_by_id(tenant)?.ok_or_else(Error::unauthorized)?;
        let nobody = Caller::Host { name: "authentication".to_owned() };
        Ok(Session::open(self.clone(), info, nobody, Scope::Admin))
    }
}

/// The record of a credential; an unknown one gives the same error as a wrong one.
fn found<T>(row: Result<T, Error>) -> Result<T, Error> {
    match row {
        Err(error) if error.is_not_found() => Err(Error::unauthorized()),
        row => row,
    }
}

impl Error {
    /// The error for a credential that opens no session, without the reason.
    ///
    /// ```
    /// # use rally_core::*;
    /// assert_eq!(Error::unauthorized().code(), Code::Unauthorized);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(Code::Unauthorized, "the API key or token is missing, unknown, expired or revoked")
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;
    use crate::{Config, Environment, TenantDraft, UserDraft, store::MemoryStore};

    fn engine(passwords_at_once: usize) -> Engine {
        let config = Config { passwords_at_once, ..Config::default() };
        Engine::with(Arc::new(MemoryStore::new()), Environment::system(), config)
    }

    #[test]
    fn comparing_with_nobodys_hash_takes_as_long_as_with_any_other() {
        let engine = engine(1);
        assert_eq!(engine.passwords().hash("nobody's password", b"nobody's salt").unwrap(), NOBODYS_HASH);
        assert!(engine.verify("nobody's password", NOBODYS_HASH).unwrap());
        assert!(!engine.verify("another password", NOBODYS_HASH).unwrap());
    }

    #[test]
    fn a_hash_that_is_cut_is_not_a_wrong_password() {
        for length in [0, 9, 14, 30, 50, NOBODYS_HASH.len() - 1] {
            let cut = NOBODYS_HASH.get(..length).unwrap();
            let error = engine(1).verify("nobody's password", cut).unwrap_err();
            assert!(matches!(error, StoreError::Corrupt { .. }), "{cut}: {error:?}");
        }
    }

    #[test]
    fn users_and_logins_share_the_memory_of_as_many_hashes_as_are_made_at_once() {
        let engine = engine(1);
        let acme = engine.create_tenant(&TenantDraft::new("acme")).unwrap().trusted_session("test").unwrap();
        let users = acme.users();
        thread::scope(|scope| {
            for number in 0..4 {
                let email = format!("user{number}@x.example");
                let (engine, users) = (&engine, &users);
                scope.spawn(move || {
                    users.create(&UserDraft::new(&email, "Ada").password("engines, not looms")).unwrap();
                    assert!(engine.log_in("acme", &email, "engines, not looms", None).is_ok());
                });
            }
        });
        assert_eq!(engine.passwords().held(), 1);
    }
}
