use rally_core::{Collection, Session, User};

use crate::{
    crud::{DeleteFor, Served, crud},
    route::Route,
};

pub(crate) fn routes() -> Vec<Route> {
    crud::<User>()
}

impl Served for User {
    const DELETE_FOR: Option<DeleteFor<Self>> =
        Some(|session, id, heir, options| session.users().delete_for_with(id, heir, options));

    fn of(session: &Session) -> Collection<'_, Self> {
        session.users()
    }
}
