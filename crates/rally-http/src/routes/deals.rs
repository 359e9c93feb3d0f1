use axum::response::Response;
use rally_core::{
    Bant, Collection, Deal, Session,
    schema::{Editable, Resource},
};
use serde_json::{Value, json};

use crate::{
    app::App,
    call::Call,
    crud::{Served, bulk, change, crud, part, upsert},
    history::history,
    openapi::{ID, example, integer, or_null, told, uuid},
    problem::Problem,
    route::{AnswerBody, BodySpec, Method, Operation, ResponseSpec, Route, Schema, Special},
};

pub(crate) fn routes() -> Vec<Route> {
    let moved = Route::new(Method::Patch, "/deals/{id}/stage", move_deal, Operation::Special(&MOVE_DEAL));
    let parts = part::<Bant>("/deals/{id}/bant");
    let all = [crud::<Deal>(), vec![moved], upsert::<Deal>(), bulk::<Deal>(), parts, history::<Deal>()];
    all.into_iter().flatten().collect()
}

static MOVE_DEAL: Special = Special {
    id: "moveDeal",
    summary: "Move a deal to another stage of its pipeline",
    description: "The probability becomes that of the stage unless one is given, and the status the outcome of the stage. \
                  Entering a stage that is won or lost sets `actualCloseDate`; leaving it clears it. `GET /pipelines` has \
                  the ids of stages.",
    scope: Some(Deal::WRITE),
    parameters: &["Id", "IfMatch", "IfNoneMatchWrite", "IdempotencyKey", "Prefer"],
    body: Some(BodySpec { schema: "StageMove", example: || json!({ "stageId": ID, "probability": 80 }) }),
    answer: ResponseSpec {
        status: 200,
        description: "The deal as it is now.",
        body: AnswerBody::One("Deal"),
        example: || example(Deal::model(), Deal::NOUN),
        headers: &["ETag", "Idempotent-Replayed"],
    },
    schemas: &[Schema { name: "StageMove", json: stage_move }],
};

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

async fn move_deal(app: App, call: Call) -> Result<Response, Problem> {
    change(app, call, |call, json, options| Deal::of(&call.session).json().move_to(call.id()?, json, options))
        .await
}

fn stage_move() -> Value {
    json!({
        "type": "object",
        "description": "The stage to move a deal to.",
        "required": ["stageId"],
        "properties": {
            "stageId": told(uuid(), "A stage of the deal's pipeline.", json!(ID)),
            "probability": told(
                or_null(integer(0, 100)),
                "Probability of being won; that of the stage unless it is set. A deal that is in the stage already keeps its own.",
                json!(80),
            ),
        },
    })
}
