use axum::{extract::State, http::StatusCode, response::Response};
use rally_core::{Collection, Error, Pipeline, Session, StageOutcome, schema::Resource};
use serde_json::{Value, json};

use crate::{
    answer,
    app::App,
    call::Call,
    crud::{Served, crud},
    lanes::Work,
    problem::Problem,
    route::{AnswerBody, Method, Operation, ResponseSpec, Route, Schema, Special},
};

pub(crate) fn routes() -> Vec<Route> {
    let operation = Operation::Special(&FORECAST);
    let mut routes = crud::<Pipeline>();
    routes.push(Route::new(Method::Get, "/pipelines/{id}/forecast", forecast, operation));
    routes
}

static FORECAST: Special = Special {
    id: "forecastPipeline",
    summary: "Sum up the deals of a pipeline by stage and currency",
    description: None,
    scope: Some(Pipeline::READ),
    parameters: &["Id"],
    body: None,
    answer: ResponseSpec {
        status: 200,
        description: "The forecast",
        body: AnswerBody::One("Forecast"),
        headers: &[],
    },
    schemas: &[Schema { name: "Forecast", json: forecast_schema }],
};

impl Served for Pipeline {
    fn of(session: &Session) -> Collection<'_, Self> {
        session.pipelines()
    }
}

async fn forecast(State(app): State<App>, call: Call) -> Result<Response, Problem> {
    let answered = app.run(Work::LongRead, call.party(), move || {
        call.session.require(Pipeline::READ)?;
        call.take_no_parameters()?;
        let forecast = call.session.pipelines().forecast(call.id()?)?;
        let body = serde_json::to_vec(&forecast).map_err(Error::internal)?;
        Ok(answer::json(StatusCode::OK, body))
    });
    Ok(answered.await?)
}

fn forecast_schema() -> Value {
    let exact = |description: &str| json!({ "type": "number", "description": format!("{description}, all digits exact") });
    let sum = json!({
        "type": "object",
        "required": ["currency", "value", "weighted"],
        "properties": {
            "currency": { "type": "string", "pattern": "^[A-Z]{3}$" },
            "value": exact("The sum of the values"),
            "weighted": exact("The sum of each value times its deal's probability"),
        },
    });
    let stage = json!({
        "type": "object",
        "required": ["id", "name", "order", "probability", "outcome", "count", "sums"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "name": { "type": "string" },
            "order": { "type": "integer" },
            "probability": { "type": "integer" },
            "outcome": { "type": "string", "enum": StageOutcome::WORDS },
            "count": { "type": "integer", "minimum": 0 },
            "sums": { "type": "array", "items": sum },
        },
    });
    json!({
        "type": "object",
        "description": "The sums of the deals of a pipeline",
        "required": ["pipelineId", "stages"],
        "properties": {
            "pipelineId": { "type": "string", "format": "uuid" },
            "stages": { "type": "array", "description": "In the order of the pipeline", "items": stage },
        },
    })
}
