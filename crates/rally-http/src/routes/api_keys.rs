use axum::response::Response;
use rally_core::{
    ApiKey, Collection, Session, WriteOptions,
    schema::{Editable, Resource},
};
use serde_json::{Value, json};

use crate::{
    answer,
    app::App,
    call::Call,
    conditional::Preconditions,
    crud::{Served, list_route, patch_route},
    lanes::Work,
    limits,
    openapi::{draft, draft_example, example, told, whole_with},
    problem::Problem,
    route::{AnswerBody, BodySpec, Method, Operation, ResponseSpec, Route, Schema, Special},
};

/// A key that no server knows.
const KEY: &str = "rk_live_7Kd2mQ8vXzT4pLr9WnB3cYhJ6sFg1aEuDo5iVtN0";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        list_route::<ApiKey>(),
        Route::new(Method::Post, "/api-keys", create_api_key, Operation::Special(&CREATE_API_KEY)),
        patch_route::<ApiKey>(),
        Route::new(Method::Delete, "/api-keys/{id}", revoke_api_key, Operation::Special(&REVOKE_API_KEY)),
    ]
}

static CREATE_API_KEY: Special = Special {
    id: "createApiKey",
    summary: "Create an API key",
    description: "This answer alone shows the key. A caller cannot give it a higher scope than its own.",
    scope: Some(ApiKey::WRITE),
    parameters: &["IdempotencyKey"],
    body: Some(BodySpec { schema: "ApiKeyDraft", example: || draft_example(ApiKey::model(), ApiKey::NOUN) }),
    answer: ResponseSpec {
        status: 201,
        description: "The API key was created.",
        body: AnswerBody::One("NewApiKey"),
        example: new_api_key_example,
        headers: &["ETag", "Location", "Idempotent-Replayed"],
    },
    schemas: &[
        Schema { name: "ApiKeyDraft", json: || draft(ApiKey::model(), ApiKey::NOUN) },
        Schema { name: "NewApiKey", json: new_api_key },
    ],
};

static REVOKE_API_KEY: Special = Special {
    id: "revokeApiKey",
    summary: "Revoke an API key",
    description: "Every server refuses the key from then on, for good; its record stays.",
    scope: Some(ApiKey::WRITE),
    parameters: &["Id", "IfMatch", "IfNoneMatchWrite", "IdempotencyKey", "Prefer"],
    body: None,
    answer: ResponseSpec {
        status: 200,
        description: "The record as it is now.",
        body: AnswerBody::One("ApiKey"),
        example: || example(ApiKey::model(), ApiKey::NOUN),
        headers: &["ETag", "Idempotent-Replayed"],
    },
    schemas: &[],
};

impl Served for ApiKey {
    fn of(session: &Session) -> Collection<'_, Self> {
        session.api_keys()
    }
}

async fn create_api_key(app: App, mut call: Call) -> Result<Response, Problem> {
    let json = call.json(ApiKey::WRITE, limits::BODY_BYTES).await?;
    let answered = app.run(Work::Write, call.party(), move || {
        call.take_no_parameters()?;
        let options =
            WriteOptions { idempotency_key: call.idempotency_key(&json)?, ..WriteOptions::default() };
        let made = ApiKey::of(&call.session).json().mint(&json, &options)?;
        answer::minted(&call, &made)
    });
    let mut response = answered.await?;
    answer::forbid_storing(&mut response);
    Ok(response)
}

async fn revoke_api_key(app: App, call: Call) -> Result<Response, Problem> {
    let answered = app.run(Work::Write, call.party(), move || {
        call.session.require(ApiKey::WRITE)?;
        call.take_no_parameters()?;
        let (id, idempotency_key) = (call.id()?, call.idempotency_key(b"")?);
        let preconditions = Preconditions::of(&call.headers)?;
        let written = preconditions
            .attempt(idempotency_key, |options| ApiKey::of(&call.session).json().revoke(id, options))?;
        answer::written(&call, &written)
    });
    Ok(answered.await?)
}

fn new_api_key() -> Value {
    let key = json!({ "type": "string" });
    let key = told(key, "The whole key; left out of the answer to a repeated request.", json!(KEY));
    whole_with(ApiKey::model(), ApiKey::NOUN, "An API key that was just created.", json!({ "key": key }))
}

fn new_api_key_example() -> Value {
    let mut record = example(ApiKey::model(), ApiKey::NOUN);
    if let Some(members) = record.as_object_mut() {
        members.insert("key".to_owned(), json!(KEY));
    }
    record
}
