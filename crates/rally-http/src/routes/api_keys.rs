use axum::{extract::State, response::Response};
use rally_core::{ApiKey, Collection, Editable, Json, Session, WriteOptions, limits, no_parameters};

use crate::{
    answer,
    app::App,
    call::Call,
    conditional::IfMatch,
    crud::{Served, list_route, patch_route},
    problem::Problem,
    route::{Method, Operation, Route, Verb},
};

pub(crate) fn routes() -> Vec<Route> {
    let operation = |verb| Operation::on::<ApiKey>(verb, ApiKey::NOUN);
    vec![
        list_route::<ApiKey>(),
        Route::new(Method::Post, "/api-keys", create_api_key, operation(Verb::Mint)),
        patch_route::<ApiKey>(),
        Route::new(Method::Delete, "/api-keys/{id}", revoke_api_key, operation(Verb::Revoke)),
    ]
}

impl Served for ApiKey {
    fn of(session: &Session) -> Collection<'_, Self> {
        session.api_keys()
    }
}

async fn create_api_key(State(app): State<App>, mut call: Call) -> Result<Response, Problem> {
    let json = call.json(ApiKey::WRITE, limits::BODY_BYTES).await?;
    let answered = app.write(move || {
        no_parameters(&call.parameters()?, call.profile())?;
        let options =
            WriteOptions { idempotency_key: call.idempotency_key(&json)?, ..WriteOptions::default() };
        let made = call.session.api_keys().mint_with(&Json(&json), &options)?;
        answer::minted(&call, &made)
    });
    let mut response = answered.await?;
    answer::forbid_storing(&mut response);
    Ok(response)
}

async fn revoke_api_key(State(app): State<App>, call: Call) -> Result<Response, Problem> {
    let answered = app.write(move || {
        call.session.require(ApiKey::WRITE)?;
        no_parameters(&call.parameters()?, call.profile())?;
        let (id, idempotency_key) = (call.id()?, call.idempotency_key(b"")?);
        let written = IfMatch::of(&call.headers)?.attempt(|if_version| {
            let options = WriteOptions { if_version, idempotency_key: idempotency_key.clone() };
            call.session.api_keys().revoke_with(id, &options)
        })?;
        answer::written(&call, &written)
    });
    Ok(answered.await?)
}
