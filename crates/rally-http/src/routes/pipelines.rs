use axum::{http::StatusCode, response::Response};
use rally_core::{Collection, Error, Pipeline, Session, StageOutcome, schema::Resource};
use serde_json::{Value, json};

use crate::{
    answer,
    app::App,
    call::Call,
    crud::{Served, crud},
    lanes::Work,
    openapi::{ID, count, integer, reference, told, uuid},
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
    description: "The sums are exact, and the weighted ones take each value times the probability of its deal.",
    scope: Some(Pipeline::READ),
    parameters: &["Id"],
    body: None,
    answer: ResponseSpec {
        status: 200,
        description: "The forecast.",
        body: AnswerBody::One("Forecast"),
        example: || json!({ "pipelineId": ID, "stages": [stage_example()] }),
        headers: &[],
    },
    schemas: &[
        Schema { name: "Forecast", json: forecast_schema },
        Schema { name: "ForecastStage", json: stage_schema },
        Schema { name: "ForecastSum", json: sum_schema },
    ],
};

impl Served for Pipeline {
    fn of(session: &Session) -> Collection<'_, Self> {
        session.pipelines()
    }
}

async fn forecast(app: App, call: Call) -> Result<Response, Problem> {
    let answered = app.run(Work::Read, call.party(), move || {
        call.session.require(Pipeline::READ)?;
        call.take_no_parameters()?;
        let forecast = call.session.pipelines().forecast(call.id()?)?;
        let body = serde_json::to_vec(&forecast).map_err(Error::internal)?;
        Ok(answer::json(StatusCode::OK, body))
    });
    Ok(answered.await?)
}

fn forecast_schema() -> Value {
    let stages = json!({ "type": "array", "items": reference("ForecastStage") });
    json!({
        "type": "object",
        "description": "The sums of the deals of a pipeline.",
        "required": ["pipelineId", "stages"],
        "properties": {
            "pipelineId": told(uuid(), "The pipeline.", json!(ID)),
            "stages": told(stages, "Its stages, in the order of the pipeline.", json!([stage_example()])),
        },
    })
}

fn stage_schema() -> Value {
    let name = json!({ "type": "string" });
    let sums = json!({ "type": "array", "items": reference("ForecastSum") });
    json!({
        "type": "object",
        "description": "The sums of the deals of a stage.",
        "required": ["id", "name", "order", "probability", "outcome", "count", "sums"],
        "properties": {
            "id": told(uuid(), "The stage.", json!(ID)),
            "name": told(name, "Its name.", json!("Proposal")),
            "order": told(integer(1, 50), "Its place in the pipeline.", json!(3)),
            "probability": told(integer(0, 100), "The probability of a deal that comes to it.", json!(50)),
            "outcome": told(reference(StageOutcome::SET.name), "The status of the deals in it.", json!("open")),
            "count": told(count(0), "The number of deals in it, those without a value included.", json!(2)),
            "sums": told(sums, "A sum for each currency.", json!([sum_example()])),
        },
    })
}

fn sum_schema() -> Value {
    let number = || json!({ "type": "number" });
    let currency = json!({ "type": "string", "pattern": "^[A-Z]{3}$" });
    json!({
        "type": "object",
        "description": "The sums of the deals of one currency, all digits exact.",
        "required": ["currency", "value", "weighted"],
        "properties": {
            "currency": told(currency, "The currency.", json!("EUR")),
            "value": told(number(), "The sum of the values.", json!(48000.5)),
            "weighted": told(number(), "The sum of each value times its deal's probability.", json!(24000.25)),
        },
    })
}

fn stage_example() -> Value {
    json!({
        "id": ID,
        "name": "Proposal",
        "order": 3,
        "probability": 50,
        "outcome": "open",
        "count": 2,
        "sums": [sum_example()],
    })
}

fn sum_example() -> Value {
    json!({ "currency": "EUR", "value": 48000.5, "weighted": 24000.25 })
}
