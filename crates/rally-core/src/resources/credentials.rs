//! Credentials, which open sessions: API keys and users' passwords.
//!
//! A key is `rk_live_` (or `rk_test_`), 32 characters of base 62 that are its secret (190 bits), 22 that say which tenant
//! to look in, 22 that say which key it is, and 6 check digits (CRC-32), by which a typing slip is told without asking the
//! store. The store holds the SHA-256 hash of secret and tenant and nothing that the key could be made from.

use std::net::IpAddr;

use argon2::{Argon2, PasswordVerifier};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::{
    ApiKey, User,
    api_keys::Grant,
    audit,
    users::{self, Account},
};
use crate::{
    base::{Code, Error, Id, Kind, Scope, TenantId, Timestamp, invariant},
    engine::{
        keys::spaces,
        session::{Caller, Engine, Session},
    },
};

const LIVE: &str = "rk_live_";
const TEST: &str = "rk_test_";
const SECRET_CHARACTERS: usize = 32;
/// Characters that a UUID takes.
const ID_CHARACTERS: usize = 22;
const CHECK_CHARACTERS: usize = 6;
const BASE_62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The hash that a password is compared with where there is none, so that it takes as long: that of `nobody's password`
/// with the parameters of all others.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$p0QVQVnCG3NcF1W6G+ydHmjbrtPHCic6ognd5JvPZYo";

impl Engine {
    /// Opens a session for whoever has this API key. Whoever lets the caller in goes on to
    /// [`note_use`](Session::note_use).
    ///
    /// # Errors
    /// [`Code::Unauthorized`] for any text that is not a key that works now, always with the same words.
    pub fn authenticate(&self, key: &str) -> Result<Session, Error> {
        let parts = Parts::of(key).ok_or_else(Error::unauthorized)?;
        let lookup = self.lookup(parts.tenant)?;
        let view = lookup.view()?;
        let rate_seen = self.see_rate(view.snapshot(), || spaces::record(Kind::ApiKey, parts.id))?;
        let row = found(view.records::<ApiKey>().row(Id::from_uuid(parts.id)))?;
        let (now, grant) = (self.clock().now(), Grant::read(&row.record()?)?);
        if !grant.has_hash(&hash(parts.hashed)) || !grant.works(now) {
            return Err(Error::unauthorized());
        }
        let is_behind = grant.is_use_behind(now);
        let caller = Caller::ApiKey { id: parts.id, name: grant.name };
        let session = Session::open(self.clone(), lookup.tenant_shared(), caller, grant.scope);
        Ok(session.until(grant.expires_at).with_unnoted_use(is_behind).with_rate_seen(rate_seen))
    }

    /// Opens a session for whoever knows the password of a user of the tenant with that slug. It takes as long when
    /// there is no such user or tenant.
    ///
    /// `source` is where the caller is, for the audit trail. This hashes the password, which is meant to take long: some tens of milliseconds and 19 MiB (argon2id, as OWASP
    /// advises). Whoever calls it for strangers bounds how often.
    ///
    /// # Errors
    /// [`Code::Unauthorized`], always with the same words.
    pub fn log_in(
        &self,
        tenant: &str,
        email: &str,
        password: &str,
        source: Option<IpAddr>,
    ) -> Result<Session, Error> {
        let (lookup, account) = self.account(tenant, email, source)?;
        let hash = account.as_ref().and_then(|account| account.password_hash.as_deref());
        let is_right = verify(password, hash.unwrap_or(NOBODYS_HASH)) && hash.is_some();
        if let Some(account) = account.filter(|account| is_right && account.is_active) {
            return Ok(self.opened(&lookup, account).called_from(source));
        }
        audit::note_failed_login(&lookup, email)?;
        Err(Error::new(Code::Unauthorized, "the tenant, the e-mail address or the password is wrong"))
    }

    /// Opens a session for a user who has proved to be one before, as the caller of [`Session::caller`] tells it.
    ///
    /// # Errors
    /// [`Code::Unauthorized`] when the user is gone or may not log in any more, or the password has changed since.
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

    /// The account that somebody wants to log in to, and where the attempt is noted. One that is not there is tried like
    /// one that is; one of a tenant that is not there is noted in the directory, which takes as long.
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

    /// A session to look for a credential in. Until it has been seen to be good, nobody is asking.
    fn lookup(&self, tenant: TenantId) -> Result<Session, Error> {
        let info = self.tenant_by_id(tenant)?.ok_or_else(Error::unauthorized)?;
        let nobody = Caller::Host { name: "authentication".to_owned() };
        Ok(Session::open(self.clone(), info, nobody, Scope::Admin))
    }
}

/// The record of a credential; one that is not there is told like one that is wrong.
fn found<T>(row: Result<T, Error>) -> Result<T, Error> {
    match row {
        Err(error) if error.is_not_found() => Err(Error::unauthorized()),
        row => row,
    }
}

fn verify(password: &str, hash: &str) -> bool {
    Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

/// True when two texts are the same, found out in the same time wherever they differ.
pub(super) fn are_equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// The parts of a key.
#[derive(Debug, PartialEq, Eq)]
struct Parts<'a> {
    /// Prefix, secret and tenant: all that is random of it, and what it is random for.
    hashed: &'a str,
    tenant: TenantId,
    id: Uuid,
}

impl<'a> Parts<'a> {
    /// Reads a key; `None` if it is none at all, which asks no store.
    fn of(key: &'a str) -> Option<Self> {
        let letters = key.strip_prefix(LIVE).or_else(|| key.strip_prefix(TEST))?;
        if letters.len() != SECRET_CHARACTERS + 2 * ID_CHARACTERS + CHECK_CHARACTERS || !letters.is_ascii() {
            return None;
        }
        let (body, check) = key.split_at_checked(key.len() - CHECK_CHARACTERS)?;
        let (hashed, id) = body.split_at_checked(body.len() - ID_CHARACTERS)?;
        let (_, tenant) = hashed.split_at_checked(hashed.len() - ID_CHARACTERS)?;
        let (tenant, id) = (Uuid::from_u128(number(tenant)?), Uuid::from_u128(number(id)?));
        (check == check_digits(body)).then_some(Self { hashed, tenant: TenantId::from_uuid(tenant), id })
    }
}

/// A key as far as it is known before it has a record.
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(engine: &Engine, tenant: TenantId) -> Self {
        let prefix = if engine.config().test_keys { TEST } else { LIVE };
        let mut key = String::from(prefix);
        while key.len() < prefix.len() + SECRET_CHARACTERS {
            let [byte] = engine.random();
            // 248 is the greatest multiple of 62 in a byte; above it the first letters would come too often.
            if let Some(letter) = BASE_62.get(usize::from(byte % 62)).filter(|_| byte < 248) {
                key.push(char::from(*letter));
            }
        }
        key.push_str(&base_62(tenant.as_uuid().as_u128(), ID_CHARACTERS));
        Self(key)
    }

    /// The beginning, which is kept to tell the key from others by.
    pub(super) fn beginning(&self) -> &str {
        invariant(self.0.get(..LIVE.len() + 4), "a key is longer than its beginning, and in ASCII")
    }

    pub(super) fn hash(&self) -> String {
        hash(&self.0)
    }

    /// The whole key.
    pub(super) fn key(&self, id: Id<ApiKey>) -> String {
        let body = format!("{}{}", self.0, base_62(id.as_uuid().as_u128(), ID_CHARACTERS));
        let check = check_digits(&body);
        body + &check
    }
}

fn check_digits(body: &str) -> String {
    base_62(crc32fast::hash(body.as_bytes()).into(), CHECK_CHARACTERS)
}

fn base_62(mut number: u128, characters: usize) -> String {
    let mut letters = vec![b'0'; characters];
    for letter in letters.iter_mut().rev() {
        let digit = usize::try_from(number % 62).ok().and_then(|digit| BASE_62.get(digit));
        *letter = *invariant(digit, "a remainder of 62 is less than 62");
        number /= 62;
    }
    letters.iter().map(|letter| char::from(*letter)).collect()
}

/// The number that letters of base 62 are; `None` if they are no such letters, or too great.
fn number(letters: &str) -> Option<u128> {
    letters.bytes().try_fold(0u128, |number, letter| {
        let digit = BASE_62.iter().position(|known| *known == letter)?;
        number.checked_mul(62)?.checked_add(u128::try_from(digit).ok()?)
    })
}

/// The SHA-256 hash of a text, in hexadecimal.
fn hash(text: &str) -> String {
    let digit = |nibble: u8| invariant(char::from_digit(u32::from(nibble), 16), "a nibble is less than 16");
    Sha256::digest(text).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

impl Error {
    /// The error for a credential that opens no session, without the reason.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(Code::Unauthorized, "the API key or token is missing, unknown, expired or revoked")
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn comparing_with_nobodys_hash_takes_as_long_as_with_any_other() {
        let hash = Argon2::default().hash_password_with_salt(b"nobody's password", b"nobody's salt").unwrap();
        assert_eq!(hash.to_string(), NOBODYS_HASH);
        assert!(verify("nobody's password", NOBODYS_HASH));
        assert!(!verify("another password", NOBODYS_HASH));
    }

    fn key(secret: &str, tenant: u128, id: u128) -> String {
        let tenant = base_62(tenant, ID_CHARACTERS);
        Secret(format!("{LIVE}{secret}{tenant}")).key(Id::from_uuid(Uuid::from_u128(id)))
    }

    proptest! {
        #[test]
        fn a_key_says_which_it_is_and_which_tenant_it_belongs_to(
            tenant: u128, id: u128, secret in "[0-9A-Za-z]{32}",
        ) {
            let key = key(&secret, tenant, id);
            let parts = Parts::of(&key).unwrap();
            prop_assert_eq!((parts.tenant.as_uuid().as_u128(), parts.id.as_u128()), (tenant, id));
        }

        #[test]
        fn one_wrong_letter_is_no_key(secret in "[0-9A-Za-z]{32}", place in 8usize..90, letter in "[0-9A-Za-z]") {
            let key = key(&secret, 7, 8);
            let mut slip = key.clone();
            slip.replace_range(place..=place, &letter);
            prop_assert_eq!(Parts::of(&slip).is_some(), slip == key);
        }

        #[test]
        fn any_text_is_a_key_or_none_and_never_a_panic(text in "(rk_live_)?[0-9A-Za-zé]{0,84}") {
            let _ = Parts::of(&text);
        }
    }
}
