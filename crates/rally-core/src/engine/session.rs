use std::{fmt, net::IpAddr, sync::Arc};

use uuid::Uuid;

use super::{Engine, codec::RateV1};
use crate::{
    base::{Error, Scope, TenantId, Timestamp},
    store::Snapshot,
};

/// A caller who is in: one tenant, who is asking, and what they may do.
///
/// There is no other way to a tenant's records. A session is made by authenticating, or by a host that trusts itself.
#[derive(Clone, Debug)]
pub struct Session {
    engine: Engine,
    tenant: Arc<TenantInfo>,
    caller: Caller,
    scope: Scope,
    unnoted_use: bool,
    rate_seen: Option<RateV1>,
    source: Option<IpAddr>,
    ends_at: Option<Timestamp>,
}

/// What the engine must know of a tenant to serve it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantInfo {
    /// The tenant's id.
    pub id: TenantId,
    /// Its name in host names.
    pub slug: String,
    /// How strictly its requests are read.
    pub profile: Profile,
    /// Its requests a minute; 0 for no limit.
    pub requests_per_minute: u32,
    /// The currency of its deals that are created without one (ISO 4217).
    pub default_currency: String,
}

/// How strictly requests are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As documented: what is not known is passed over.
    Documented,
    /// Unknown members, query names and fields are refused.
    Strict,
}

/// Who is asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A program with an API key.
    ApiKey {
        /// The key's id.
        id: Uuid,
        /// The key's name.
        name: String,
    },
    /// A user who has logged in.
    User {
        /// The user's id.
        id: Uuid,
        /// The user's e-mail address.
        email: String,
        /// What the user is called.
        name: String,
        /// When what the user logs in with last changed.
        credential_since: Timestamp,
    },
    /// The host itself, under a name of its choosing.
    Host {
        /// The name.
        name: String,
    },
}

impl fmt::Display for Caller {
    /// The caller as the feed names it: the user's e-mail, `apikey:<name>`, or the host's own name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caller::ApiKey { name, .. } => write!(f, "apikey:{name}"),
            Caller::User { email, .. } => f.write_str(email),
            Caller::Host { name } => f.write_str(name),
        }
    }
}

impl Session {
    /// A session for whoever has proved to be this caller.
    pub(crate) fn open(engine: Engine, tenant: Arc<TenantInfo>, caller: Caller, scope: Scope) -> Self {
        Self {
            engine,
            tenant,
            caller,
            scope,
            unnoted_use: false,
            rate_seen: None,
            source: None,
            ends_at: None,
        }
    }

    /// The same session, with whether the use of its credential is still to be noted.
    pub(crate) fn with_unnoted_use(mut self, unnoted_use: bool) -> Self {
        self.unnoted_use = unnoted_use;
        self
    }

    /// The same session, with what a shared store said of the tenant's requests when it was opened.
    pub(crate) fn with_rate_seen(mut self, rate_seen: Option<RateV1>) -> Self {
        self.rate_seen = rate_seen;
        self
    }

    /// The same session of a caller at this address, which the audit trail tells.
    #[must_use]
    pub fn called_from(mut self, source: Option<IpAddr>) -> Self {
        self.source = source;
        self
    }

    /// The same session with when its credential stops working.
    #[must_use]
    pub fn until(mut self, ends_at: Option<Timestamp>) -> Self {
        self.ends_at = ends_at;
        self
    }

    /// When the session's credential stops working, if it ever does.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.ends_at
    }

    /// Where the caller is.
    #[must_use]
    pub fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// The tenant, for another session of it.
    pub(crate) fn tenant_shared(&self) -> Arc<TenantInfo> {
        Arc::clone(&self.tenant)
    }

    pub(crate) fn rate_seen(&self) -> Option<RateV1> {
        self.rate_seen
    }

    /// True when the use of the session's credential is still to be noted.
    #[must_use]
    pub fn has_unnoted_use(&self) -> bool {
        self.unnoted_use
    }

    /// The engine that it is a session of.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantInfo {
        &self.tenant
    }

    /// Who is asking.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What they may do.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The same session with no more than this scope.
    #[must_use]
    pub fn limited_to(mut self, scope: Scope) -> Self {
        self.scope = self.scope.min(scope);
        self
    }

    /// Checks that the caller may do what takes this scope.
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) with the scope that is missing.
    pub fn require(&self, scope: Scope) -> Result<(), Error> {
        if self.scope >= scope { Ok(()) } else { Err(Error::forbidden(scope)) }
    }

    /// The same session, read as strictly as another one.
    pub(crate) fn with_profile(mut self, profile: Profile) -> Self {
        self.tenant = Arc::new(TenantInfo { profile, ..(*self.tenant).clone() });
        self
    }

    pub(crate) fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, Error> {
        Ok(self.engine.store().snapshot(self.tenant.id)?)
    }
}
