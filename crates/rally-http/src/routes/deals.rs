use axum::{extract::State, response::Response};
use rally_core::{Bant, Collection, Deal, Session};

use crate::{
    app::App,
    call::Call,
    crud::{Served, bulk, change, crud, part, upsert},
    problem::Problem,
    route::{Method, Operation, Route, Verb},
};

pub(crate) fn routes() -> Vec<Route> {
    let moved = Route::new(
        Method::Patch,
        "/deals/{id}/stage",
        move_deal,
        Operation::on::<Deal>(Verb::Move, Deal::NOUN),
    );
    let parts = part::<Bant>("/deals/{id}/bant");
    [crud::<Deal>(), vec![moved], upsert::<Deal>(), bulk::<Deal>(), parts].into_iter().flatten().collect()
}

impl Served for Deal {
    fn of(session: &Session) -> Collection<'_, Self> {
        session.deals()
    }
}

impl Served for Bant {
    const NOUN: &'static str = "BANT";

    fn of(session: &Session) -> Collection<'_, Self> {
        session.bant()
    }
}

async fn move_deal(app: State<App>, call: Call) -> Result<Response, Problem> {
    change(app, call, |call, json, options| call.session.deals().move_with(call.id()?, json, options)).await
}
