use rally_core::{Collection, Session, User};

use crate::{
    crud::{Served, crud},
    route::Route,
};

pub(crate) fn routes() -> Vec<Route> {
    crud::<User>()
}

impl Served for User {
    fn of(session: &Session) -> Collection<'_, Self> {
        session.users()
    }
}
