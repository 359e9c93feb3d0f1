//! Those who call: users who log in, and keys of every sort.

use rally_core::{ApiKeyDraft, Scope, Scopes, Session, UserDraft};
use serde_json::json;

use crate::support::{Api, Ask, Setting};

pub(crate) const LOGIN: &str = "/api/v1/auth/login";
pub(crate) const ME: &str = "/api/v1/auth/me";
pub(crate) const PASSWORD: &str = "correct horse battery";
/// The answer to every request without a valid credential, logins aside.
pub(crate) const ANONYMOUS: &str =
    "401 unauthorized: the API key or token is missing, unknown, expired or revoked";

const BASE_62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Api {
    /// One that counts neither requests nor failures of a source.
    pub(crate) fn unlimited() -> Self {
        let engine = rally_core::Config { requests_per_minute: 0, ..rally_core::Config::default() };
        let http = rally_http::Config { failed_credentials_per_minute: 0, ..rally_http::Config::default() };
        Self::with(Setting { engine, http, ..Setting::default() })
    }

    pub(crate) fn trusted(&self, tenant: &str) -> Session {
        self.engine.tenant(tenant).unwrap().trusted_session("test").unwrap()
    }

    /// Adds a user who can log in with [`PASSWORD`], without a request.
    pub(crate) fn add_user(&self, tenant: &str, email: &str, scopes: &str) -> String {
        let scopes: Scopes = scopes.parse().unwrap();
        let draft = UserDraft::new(email, "Ada Lovelace").scopes(scopes).password(PASSWORD);
        self.trusted(tenant).users().create(&draft).unwrap().id.to_string()
    }

    /// A login at a host that names no tenant.
    pub(crate) fn log_in(&self, tenant: &str, email: &str, password: &str) -> Ask<'_> {
        let body = json!({ "tenant": tenant, "email": email, "password": password });
        self.post(LOGIN, body.to_string()).key("")
    }

    /// The token of a user that was added before.
    pub(crate) fn token(&self, tenant: &str, email: &str) -> String {
        let answer = self.log_in(tenant, email, PASSWORD).send().is(200).value();
        answer["token"].as_str().unwrap().to_owned()
    }

    /// Adds a user of `acme` and logs in as that user.
    pub(crate) fn enter(&self, email: &str, scopes: &str) -> String {
        self.add_user("acme", email, scopes);
        self.token("acme", email)
    }

    /// A key of `acme` that works until a microsecond from now.
    pub(crate) fn brief_key(&self) -> String {
        let end = self.engine.clock().now().plus_micros(1);
        let draft = ApiKeyDraft::new("brief").scopes(Scopes::from(Scope::Admin)).expires_at(end);
        self.trusted("acme").api_keys().mint(&draft).unwrap().key
    }

    pub(crate) fn revoked_key(&self) -> String {
        let draft = ApiKeyDraft::new("revoked").scopes(Scopes::from(Scope::Admin));
        let made = self.trusted("acme").api_keys().mint(&draft).unwrap();
        self.trusted("acme").api_keys().revoke(made.model.id).unwrap();
        made.key
    }
}

impl Ask<'_> {
    /// With a token instead of a key.
    pub(crate) fn token(self, token: &str) -> Self {
        self.key("").header("Authorization", &format!("Bearer {token}"))
    }
}

/// A key with other characters from a place on, and the check digits that it then has.
pub(crate) fn forged(key: &str, place: usize, characters: &str) -> String {
    let mut body = key.get(..key.len() - 6).unwrap().to_owned();
    body.replace_range(place..place + characters.len(), characters);
    let mut number = crc32(body.as_bytes());
    let mut digits = [0; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE_62[usize::try_from(number % 62).unwrap()];
        number /= 62;
    }
    body + str::from_utf8(&digits).unwrap()
}

fn crc32(bytes: &[u8]) -> u32 {
    let shifted = |crc: u32| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shifted(crc)))
}
