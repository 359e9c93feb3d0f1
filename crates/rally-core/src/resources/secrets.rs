//! The secrets that tokens are signed with: one set for all servers of a store, in the directory. They never leave the
//! process but to the store.

use std::fmt;

use uuid::Uuid;

use crate::{
    base::{Error, Timestamp, limits},
    engine::{
        codec::{SecretV1, SecretsV1},
        session::Engine,
        write::read_secrets,
    },
};

/// A secret that tokens are signed with, or have been lately.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret {
    id: Uuid,
    key: [u8; 32],
}

impl SigningSecret {
    /// Identity of the secret, which is no secret itself.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The bytes to sign with.
    #[must_use]
    pub const fn key(&self) -> &[u8; 32] {
        &self.key
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningSecret").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Engine {
    /// The secrets of this deployment: first the one to sign with, then those that unexpired tokens may have been
    /// signed with. If there is none, one is made.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// let first = engine.signing_secrets()?;
    /// assert_eq!(engine.signing_secrets()?[0].id(), first[0].id());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer.
    pub fn signing_secrets(&self) -> Result<Vec<SigningSecret>, Error> {
        let directory = self.directory();
        let known = read_secrets(&*directory.snapshot()?)?;
        let known =
            if known.secrets.is_empty() { self.add_secret(|known| known.secrets.is_empty())? } else { known };
        Ok(valid(&known, self.clock().now()))
    }

    /// Makes another secret to sign with. Tokens that were signed with the one before are accepted until they expire.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// let first = engine.signing_secrets()?[0].id();
    /// let second = engine.rotate_signing_secret()?.id();
    /// let known = engine.signing_secrets()?.into_iter().map(|secret| secret.id());
    /// assert_eq!(known.collect::<Vec<_>>(), [second, first]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer.
    pub fn rotate_signing_secret(&self) -> Result<SigningSecret, Error> {
        let known = self.add_secret(|_| true)?;
        valid(&known, self.clock().now())
            .into_iter()
            .next()
            .ok_or_else(|| Error::internal("no secret was made"))
    }

    /// Makes another secret to sign with, and ends all others at once: of the tokens that were signed with them, none is
    /// accepted any more, on other servers of the store within a second. All users have to log in again.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// let leaked = engine.signing_secrets()?[0].id();
    /// let new = engine.replace_signing_secrets()?.id();
    /// let known = engine.signing_secrets()?.into_iter().map(|secret| secret.id());
    /// assert_eq!(known.collect::<Vec<_>>(), [new]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer.
    pub fn replace_signing_secrets(&self) -> Result<SigningSecret, Error> {
        let new = self.new_secret();
        let signing = SigningSecret { id: Uuid::from_bytes(new.id), key: new.key };
        self.directory().write(|transaction| {
            transaction.set_secrets(&SecretsV1 { secrets: vec![new.clone()] }).map_err(Error::from)
        })?;
        Ok(signing)
    }

    fn new_secret(&self) -> SecretV1 {
        SecretV1 { id: self.random(), key: self.random(), made_at: self.clock().now().as_micros() }
    }

    /// Makes a secret if `is_wanted` says so of the existing ones, and answers all.
    fn add_secret(&self, is_wanted: fn(&SecretsV1) -> bool) -> Result<SecretsV1, Error> {
        let new = self.new_secret();
        self.directory().write(|transaction| {
            let mut secrets = transaction.secrets()?;
            if is_wanted(&secrets) {
                let kept = valid(&secrets, transaction.now()).len();
                let gone = secrets.secrets.len().saturating_sub(kept);
                secrets.secrets.drain(..gone);
                secrets.secrets.push(new.clone());
                transaction.set_secrets(&secrets)?;
            }
            Ok(secrets)
        })
    }
}

/// The newest secret, and those that were replaced so recently that a token signed with them may not have expired;
/// newest first.
fn valid(known: &SecretsV1, now: Timestamp) -> Vec<SigningSecret> {
    let oldest = now.plus_micros(-limits::TOKEN_SECONDS * 1_000_000).as_micros();
    let mut replaced_at = i64::MAX;
    let mut valid = Vec::new();
    for secret in known.secrets.iter().rev() {
        if replaced_at < oldest {
            break;
        }
        valid.push(SigningSecret { id: Uuid::from_bytes(secret.id), key: secret.key });
        replaced_at = secret.made_at;
    }
    valid
}
