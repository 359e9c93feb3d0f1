//! The caller of a request: its credential, the tenant that its host names, and the requests that it has left.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderName, HeaderValue, header},
};
use rally_core::{ApiKeyText, Code, Error, Session, TenantId, Trace, schema::Allowance};

use crate::{
    anonymous::Passage,
    app::App,
    forwarded::{self, Client, Secured},
    lanes::{Party, Work},
    metrics::{AuthFailure, Limit},
    problem::{Failure, Problem},
    tokens::Tokens,
};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RATELIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The claim of a request to be of some caller.
pub(crate) struct Claim {
    credential: Credential,
    /// The tenant that the host names.
    tenant: Option<String>,
    source: IpAddr,
    trace: Option<Trace>,
}

/// The credential of a request.
enum Credential {
    ApiKey(ApiKeyText),
    Token(String),
    /// A text that is found wrong without asking the store.
    Malformed,
    /// No credential, or one that cannot be trusted.
    None,
}

impl Credential {
    /// The text that the store is asked for; `None` for one that is found wrong without asking.
    fn to_look_up(&self) -> Option<&str> {
        match self {
            Self::ApiKey(key) => Some(key.as_str()),
            Self::Token(token) => Some(token),
            Self::Malformed | Self::None => None,
        }
    }

    /// The reason for which it opens nothing.
    fn failure(&self) -> AuthFailure {
        match self {
            Self::None => AuthFailure::Missing,
            Self::Malformed => AuthFailure::Malformed,
            Self::ApiKey(_) | Self::Token(_) => AuthFailure::Unknown,
        }
    }

    /// The party that it is looked up for: each credential takes turns with the others.
    fn party(&self) -> Party {
        let mut hasher = DefaultHasher::new();
        self.to_look_up().hash(&mut hasher);
        Party::Stranger(hasher.finish())
    }
}

impl Claim {
    /// The tenant that the credential names by its text alone. It need not open anything.
    pub(crate) fn credential_tenant(&self) -> Option<TenantId> {
        match &self.credential {
            Credential::ApiKey(key) => Some(key.tenant()),
            Credential::Token(token) => Tokens::tenant_of(token),
            Credential::Malformed | Credential::None => None,
        }
    }
}

impl App {
    pub(crate) fn claim(&self, request: &Request) -> Claim {
        Claim {
            credential: credential(request.headers()),
            tenant: self.named_tenant(request).map(str::to_owned),
            source: source(request),
            trace: request.extensions().get().copied(),
        }
    }

    /// The client of a request; this machine itself if the router is called in process.
    pub(crate) fn client(&self, request: &Request) -> Client {
        let connection: Option<&ConnectInfo<SocketAddr>> = request.extensions().get();
        if let Some(ConnectInfo(peer)) = connection
            && self.config().trusted_proxies.is_empty()
        {
            self.proxies().watch(peer.ip(), request.headers());
        }
        let peer = connection.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |connection| connection.0.ip());
        let mut client = forwarded::client(peer, request.headers(), &self.config().trusted_proxies);
        let is_secured = request.extensions().get::<Secured>().is_some();
        if client.scheme.is_none() && is_secured {
            client.scheme = Some("https");
        }
        client
    }

    /// Opens the caller's session. `allowance` becomes the requests that the caller has left, if this fails too.
    ///
    /// # Errors
    /// [`Code::Unauthorized`], [`Failure::RateLimited`] or an error of the store.
    pub(crate) async fn admit(
        &self,
        claim: Claim,
        allowance: &mut Option<Allowance>,
    ) -> Result<Session, Problem> {
        let (app, source, party) = (self.clone(), claim.source, claim.credential.party());
        let passage =
            self.anonymous().pass(source, claim.credential.to_look_up(), self.engine().clock().now());
        if let Passage::Refused(spent) = passage {
            *allowance = Some(spent);
            self.config().metrics.note_rate_limited(Limit::Source);
            return Err(too_many(&spent, false));
        }
        let (admitted, claim) =
            self.run(Work::Read, party, move || Ok((app.count_in(&claim), claim))).await?;
        let (credential, now) = (claim.credential.to_look_up(), self.engine().clock().now());
        *allowance = match &admitted {
            Ok((_, taken)) => {
                let known = credential.into_iter();
                known.for_each(|known| self.anonymous().note_valid(source, known, passage, now));
                *taken
            }
            Err(error) if error.code() == Code::Unauthorized => {
                self.config().metrics.note_auth_failure(claim.credential.failure());
                self.anonymous().count_failure(source, credential, now)
            }
            Err(_) => None,
        };
        match allowance {
            Some(spent) if !spent.granted => {
                let limit = if admitted.is_ok() { Limit::Tenant } else { Limit::Source };
                self.config().metrics.note_rate_limited(limit);
                return Err(too_many(spent, admitted.is_ok()));
            }
            _ => {}
        }
        let (session, _) = admitted?;
        if session.has_unnoted_use() {
            self.note_use(session.clone()).await;
        }
        Ok(session)
    }

    /// Notes that the caller's key was used. A failure is logged, and the request goes on.
    async fn note_use(&self, session: Session) {
        let party = Party::Tenant(session.tenant().id);
        if let Err(error) = self.run(Work::Write, party, move || session.note_use()).await {
            tracing::warn!(?error, "the use of a key was not noted");
        }
    }

    /// Opens the caller's session and takes one of the tenant's requests, both where the engine may wait.
    fn count_in(&self, claim: &Claim) -> Result<(Session, Option<Allowance>), Error> {
        let session = self.authenticate(claim)?.called_from(Some(claim.source)).traced(claim.trace);
        let taken = self.engine().take_request(&session)?;
        Ok((session, taken))
    }

    fn authenticate(&self, claim: &Claim) -> Result<Session, Error> {
        let session = match &claim.credential {
            Credential::ApiKey(key) => self.engine().authenticate_key(key)?,
            Credential::Token(token) => self.tokens().open(token)?,
            Credential::Malformed | Credential::None => return Err(Error::unauthorized()),
        };
        match &claim.tenant {
            Some(name) if !name.eq_ignore_ascii_case(&session.tenant().slug) => Err(Error::unauthorized()),
            _ => Ok(session),
        }
    }

    /// The tenant that the client's host names: its first label, if what follows ends in one of the suffixes.
    pub(crate) fn named_tenant<'r>(&self, request: &'r Request) -> Option<&'r str> {
        let forwarded = request.extensions().get().and_then(|client: &Client| client.host.as_deref());
        let host = match (forwarded, request.uri().host()) {
            (Some(host), _) => without_port(host),
            (None, Some(host)) => host,
            (None, None) => without_port(request.headers().get(header::HOST)?.to_str().ok()?),
        };
        let (label, parent) = host.trim_end_matches('.').split_once('.')?;
        let is_under = |suffix: &String| is_or_is_under(parent, suffix.trim_matches('.'));
        self.config().host_suffixes.iter().any(is_under).then_some(label)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_or_is_under(host: &str, suffix: &str) -> bool {
    let Some(start) = host.len().checked_sub(suffix.len()) else { return false };
    let ends = host.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(suffix));
    ends && (start == 0 || host.get(..start).is_some_and(|before| before.ends_with('.')))
}

/// The credential of a request; of two, the API key. A header that is given twice cannot be trusted.
fn credential(headers: &HeaderMap) -> Credential {
    let is_single = |name: &HeaderName| headers.get_all(name).iter().nth(1).is_none();
    if !is_single(&X_API_KEY) || !is_single(&header::AUTHORIZATION) {
        return Credential::None;
    }
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if headers.contains_key(X_API_KEY) {
        let Some(key) = text(&X_API_KEY) else { return Credential::None };
        return ApiKeyText::parse(key).map_or(Credential::Malformed, Credential::ApiKey);
    }
    match text(&header::AUTHORIZATION).and_then(bearer) {
        Some(token) if Tokens::is_token_text(token) => Credential::Token(token.to_owned()),
        Some(_) => Credential::Malformed,
        None => Credential::None,
    }
}

/// The token of an `Authorization` header (RFC 6750); the name of the scheme is of any case.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}

/// Keeps credentials out of printed headers.
pub(crate) fn hide_credentials(headers: &mut HeaderMap) {
    for (name, value) in headers.iter_mut() {
        if *name == X_API_KEY || *name == header::AUTHORIZATION {
            value.set_sensitive(true);
        }
    }
}

/// The source that a request counts for, by its client.
pub(crate) fn source(request: &Request) -> IpAddr {
    let client: Option<&Client> = request.extensions().get();
    neighbourhood(client.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |client| client.address))
}

/// The source that an address counts for: an IPv4 address itself, or the first 64 bits of an IPv6 address, which one
/// customer has.
pub(crate) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

fn too_many(spent: &Allowance, is_known: bool) -> Problem {
    let limit = spent.limit;
    let detail = if is_known {
        format!("all {limit} requests of this minute are spent")
    } else {
        format!("all {limit} requests of this minute without a valid credential are spent")
    };
    Problem::new(Failure::RateLimited, detail)
}

/// Writes the requests that the caller has left to the headers of a response.
pub(crate) fn write_allowance(allowance: &Allowance, headers: &mut HeaderMap) {
    headers.insert(X_RATELIMIT_LIMIT, HeaderValue::from(allowance.limit));
    headers.insert(X_RATELIMIT_REMAINING, HeaderValue::from(allowance.remaining));
    headers.insert(X_RATELIMIT_RESET, HeaderValue::from(allowance.reset));
    if !allowance.granted {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(allowance.retry_after));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_told_from_addresses() {
        for (host, name) in [
            ("acme.localhost:8080", "acme.localhost"),
            ("acme.localhost", "acme.localhost"),
            ("acme.localhost:", "acme.localhost"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(without_port(host), name);
        }
    }

    #[test]
    fn all_addresses_of_one_customer_are_one_source() {
        let same = |one: &str, other: &str| {
            let source = |text: &str| text.parse().map(neighbourhood);
            source(one) == source(other)
        };
        assert!(same("2001:db8:1:2::3", "2001:db8:1:2:ffff::1"));
        assert!(!same("2001:db8:1:2::3", "2001:db8:1:3::3"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }

    #[test]
    fn a_suffix_is_whole_labels() {
        assert!(is_or_is_under("localhost", "LOCALHOST"));
        assert!(is_or_is_under("eu.localhost", "localhost"));
        assert!(!is_or_is_under("notlocalhost", "localhost"));
        assert!(!is_or_is_under("host", "localhost"));
        assert!(!is_or_is_under("ölocalhost", "xlocalhost"));
    }
}
