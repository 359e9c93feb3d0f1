//! Tokens of users who have logged in: JSON Web Tokens (RFC 7519), signed with HMAC-SHA-256 alone.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use parking_lot::Mutex;
use rally_core::{
    Caller, Engine, Error, Id, Scopes, Session, TenantId, Timestamp, limits, schema::SigningSecret,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::signatures;

const ISSUER: &str = "rally";
const AUDIENCE: &str = "rally-api";
/// The time for which secrets are not read again. A token with an unknown secret reads them at once.
const GRAIN_MICROS: i64 = 1_000_000;
/// The most bytes of a token; a longer one is refused unread.
const MOST_BYTES: usize = 4_096;

/// The claims of a token, all of which are required.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    /// The user.
    sub: Uuid,
    /// The tenant.
    tid: Uuid,
    scope: Scopes,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: Uuid,
    /// The instant of the last change of the user's credentials, in microseconds.
    cred: i64,
}

/// Makes tokens and opens sessions with them.
#[derive(Debug)]
pub(crate) struct Tokens {
    engine: Engine,
    known: Mutex<Option<Secrets>>,
}

/// The secrets as last read.
#[derive(Clone, Debug)]
struct Secrets {
    read_at: Timestamp,
    all: Arc<[SigningSecret]>,
}

/// A new token and its end.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) expires_at: Timestamp,
}

impl Tokens {
    pub(crate) fn new(engine: Engine) -> Self {
        signatures::install();
        Self { engine, known: Mutex::default() }
    }

    /// A token for a user who has just logged in.
    pub(crate) fn sign(&self, session: &Session) -> Result<Token, Error> {
        let Caller::User { id, credential_since, .. } = session.caller() else {
            return Err(Error::internal("a token is for a user"));
        };
        let secrets = self.secrets(None)?;
        let secret = secrets.first().ok_or_else(|| Error::internal("there is no secret to sign with"))?;
        let now = self.engine.clock().now();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: *id,
            tid: session.tenant().id.as_uuid(),
            scope: session.scope().into(),
            iat: now.as_seconds(),
            nbf: now.as_seconds(),
            exp: now.as_seconds() + limits::TOKEN_SECONDS,
            jti: self.engine.random_id(),
            cred: credential_since.as_micros(),
        };
        let header = Header { kid: Some(secret.id().to_string()), ..Header::new(Algorithm::HS256) };
        let text = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret.key()));
        let expires_at = Timestamp::from_micros(claims.exp.saturating_mul(1_000_000));
        Ok(Token { text: text.map_err(Error::internal)?, expires_at })
    }

    /// Opens the session of the user whose token this is.
    ///
    /// # Errors
    /// [`Code::Unauthorized`](rally_core::Code::Unauthorized), always with the same words.
    pub(crate) fn open(&self, token: &str) -> Result<Session, Error> {
        let claims = self.claims(token)?.ok_or_else(Error::unauthorized)?;
        let tenant = TenantId::from_uuid(claims.tid);
        let since = Timestamp::from_micros(claims.cred);
        let session = self.engine.session_of(tenant, Id::from_uuid(claims.sub), since)?;
        Ok(session
            .limited_to(claims.scope.highest())
            .until(Some(Timestamp::from_micros(claims.exp.saturating_mul(1_000_000)))))
    }

    /// True when a text has the form of a token. Any other is refused without asking the store.
    pub(crate) fn is_token_text(text: &str) -> bool {
        secret_of(text).is_some()
    }

    /// The tenant that a token names, by its text alone: it need not be one of ours.
    pub(crate) fn tenant_of(token: &str) -> Option<TenantId> {
        #[derive(Deserialize)]
        struct Named {
            tid: Uuid,
        }
        secret_of(token)?;
        let named: Named = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
        Some(TenantId::from_uuid(named.tid))
    }

    /// The claims of a token; `None` if it is not one of ours that is valid now.
    fn claims(&self, token: &str) -> Result<Option<Claims>, Error> {
        let Some(kid) = secret_of(token) else { return Ok(None) };
        let secrets = self.secrets(Some(kid))?;
        let Some(secret) = secrets.iter().find(|secret| secret.id() == kid) else { return Ok(None) };
        let decoded = jsonwebtoken::decode(token, &DecodingKey::from_secret(secret.key()), &validation());
        let now = self.engine.clock().now().as_seconds();
        let claims = decoded.ok().map(|decoded| decoded.claims);
        // Another server may have signed it by a clock that is ahead; no clock makes it last longer.
        let latest = now.saturating_add(limits::TOKEN_CLOCK_SECONDS);
        Ok(claims.filter(|claims: &Claims| claims.nbf <= latest && claims.iat <= latest && now < claims.exp))
    }

    /// The secrets of the deployment, read anew if they are older than a second or lack the one that is needed.
    fn secrets(&self, needed: Option<Uuid>) -> Result<Arc<[SigningSecret]>, Error> {
        let now = self.engine.clock().now();
        let known = self.known.lock().clone();
        let is_fresh =
            |known: &Secrets| known.read_at <= now && now < known.read_at.plus_micros(GRAIN_MICROS);
        let has_needed =
            |known: &Secrets| needed.is_none_or(|id| known.all.iter().any(|secret| secret.id() == id));
        if let Some(known) = known.filter(|known| is_fresh(known) && has_needed(known)) {
            return Ok(known.all);
        }
        let all: Arc<[SigningSecret]> = self.engine.signing_secrets()?.into();
        *self.known.lock() = Some(Secrets { read_at: now, all: Arc::clone(&all) });
        Ok(all)
    }
}

/// The id of the secret that a token says to be signed with.
fn secret_of(token: &str) -> Option<Uuid> {
    let header =
        if token.len() <= MOST_BYTES { jsonwebtoken::decode_header(token).ok()? } else { return None };
    let kid = header.kid.and_then(|kid| Uuid::try_parse(&kid).ok())?;
    if header.alg == Algorithm::HS256 { Some(kid) } else { None }
}

/// The algorithm and the claims that the library checks. Instants are checked by the engine's clock instead.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.leeway = 0;
    validation
}
