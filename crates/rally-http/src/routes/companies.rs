use rally_core::{Collection, Company, Session};

use crate::{
    crud::{Served, bulk, crud, upsert},
    route::Route,
};

pub(crate) fn routes() -> Vec<Route> {
    [crud::<Company>(), upsert::<Company>(), bulk::<Company>()].into_iter().flatten().collect()
}

impl Served for Company {
    fn of(session: &Session) -> Collection<'_, Self> {
        session.companies()
    }
}
