use std::net::{IpAddr, Ipv4Addr};

use rally_core::Session;

/// Somebody who wants a password hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) standing: Standing,
    pub(crate) source: IpAddr,
    /// The tenant's slug, as it was said.
    pub(crate) tenant: String,
}

/// The trust in an asker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Has a credential, or has lately logged in to the account from the same source. Goes first.
    Known,
    /// May be anybody.
    Unknown,
}

impl Asker {
    /// The holder of a credential.
    pub(crate) fn authenticated(session: &Session) -> Self {
        Self {
            standing: Standing::Known,
            source: session.source().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            tenant: session.tenant().slug.clone(),
        }
    }
}
