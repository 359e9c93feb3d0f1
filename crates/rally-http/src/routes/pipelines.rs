use axum::{extract::State, http::StatusCode, response::Response};
use rally_core::{Collection, Error, Pipeline, Resource, Session, no_parameters};

use crate::{
    answer,
    app::App,
    call::Call,
    crud::{Served, crud},
    problem::Problem,
    route::{Method, Operation, Route, Verb},
};

pub(crate) fn routes() -> Vec<Route> {
    let operation = Operation::on::<Pipeline>(Verb::Forecast, Pipeline::NOUN);
    let mut routes = crud::<Pipeline>();
    routes.push(Route::new(Method::Get, "/pipelines/{id}/forecast", forecast, operation));
    routes
}

impl Served for Pipeline {
    fn of(session: &Session) -> Collection<'_, Self> {
        session.pipelines()
    }
}

async fn forecast(State(app): State<App>, call: Call) -> Result<Response, Problem> {
    let answered = app.read_much(move || {
        call.session.require(Pipeline::READ)?;
        no_parameters(&call.parameters()?, call.profile())?;
        let forecast = call.session.pipelines().forecast(call.id()?)?;
        let body = serde_json::to_vec(&forecast).map_err(Error::internal)?;
        Ok(answer::json(StatusCode::OK, body))
    });
    Ok(answered.await?)
}
