use rally_core::{Collection, Company, Session};

use crate::{
    crud::{Served, bulk, crud, upsert},
    history::history,
    route::Route,
};

pub(crate) fn routes() -> Vec<Route> {
    [crud::<Company>(), upsert::<Company>(), bulk::<Company>(), history::<Company>()]
        .into_iter()
        .flatten()
        .collect()
}

impl Served for Company {
    fn of(session: &Session) -> Collection<'_, Self> {
        session.companies()
    }
}
