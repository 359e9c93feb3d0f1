use rally_core::{Activity, Collection, Session};

use crate::{
    crud::{Served, bulk, crud},
    history::history,
    route::Route,
};

pub(crate) fn routes() -> Vec<Route> {
    [crud::<Activity>(), bulk::<Activity>(), history::<Activity>()].into_iter().flatten().collect()
}

impl Served for Activity {
    fn of(session: &Session) -> Collection<'_, Self> {
        session.activities()
    }
}
