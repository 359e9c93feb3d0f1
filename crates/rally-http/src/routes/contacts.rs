use rally_core::{Collection, Contact, Session};

use crate::{
    crud::{Served, bulk, crud, upsert},
    history::history,
    route::Route,
};

pub(crate) fn routes() -> Vec<Route> {
    [crud::<Contact>(), upsert::<Contact>(), bulk::<Contact>(), history::<Contact>()]
        .into_iter()
        .flatten()
        .collect()
}

impl Served for Contact {
    fn of(session: &Session) -> Collection<'_, Self> {
        session.contacts()
    }
}
