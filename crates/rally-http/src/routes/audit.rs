use axum::http::Method;
use rally_core::{AuditEntry, Collection, Session};

use super::{Operation, Route, Verb};
use crate::crud::{Served, list};

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::new(Method::GET, "/audit", list::<AuditEntry>, Operation::reading::<AuditEntry>(Verb::List))]
}

impl Served for AuditEntry {
    fn of(session: &Session) -> Collection<'_, Self> {
        session.audit()
    }
}
