use rally_core::{AuditEntry, Collection, Session};

use crate::{
    crud::{Served, list_route},
    route::Route,
};

pub(crate) fn routes() -> Vec<Route> {
    vec![list_route::<AuditEntry>()]
}

impl Served for AuditEntry {
    fn of(session: &Session) -> Collection<'_, Self> {
        session.audit()
    }
}
