use axum::{extract::State, response::Response};
use rally_core::{Bant, Collection, Deal, Session, schema::Editable};
use serde_json::{Value, json};

use crate::{
    app::App,
    call::Call,
    crud::{Served, bulk, change, crud, part, upsert},
    problem::Problem,
    route::{AnswerBody, Method, Operation, ResponseSpec, Route, Schema, Special},
};

pub(crate) fn routes() -> Vec<Route> {
    let moved = Route::new(Method::Patch, "/deals/{id}/stage", move_deal, Operation::Special(&MOVE_DEAL));
    let parts = part::<Bant>("/deals/{id}/bant");
    [crud::<Deal>(), vec![moved], upsert::<Deal>(), bulk::<Deal>(), parts].into_iter().flatten().collect()
}

static MOVE_DEAL: Special = Special {
    id: "moveDeal",
    summary: "Move a deal to another stage of its pipeline",
    description: None,
    scope: Some(Deal::WRITE),
    parameters: &["Id", "IfMatch", "IfNoneMatchWrite", "IdempotencyKey", "Prefer"],
    body: Some("StageMove"),
    answer: ResponseSpec {
        status: 200,
        description: "The deal as it is now",
        body: AnswerBody::One("Deal"),
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

async fn move_deal(app: State<App>, call: Call) -> Result<Response, Problem> {
    change(app, call, |call, json, options| Deal::of(&call.session).json().move_to(call.id()?, json, options))
        .await
}

fn stage_move() -> Value {
    json!({
        "type": "object",
        "description": "The stage to move a deal to",
        "required": ["stageId"],
        "properties": {
            "stageId": { "type": "string", "format": "uuid", "description": "A stage of the deal's pipeline" },
            "probability": {
                "type": ["integer", "null"],
                "minimum": 0,
                "maximum": 100,
                "description": "Without it, that of the stage; a deal that is in the stage already keeps its own",
            },
        },
    })
}
