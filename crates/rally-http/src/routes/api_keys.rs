use axum::{extract::State, http::Method, response::Response};
use rally_core::{ApiKey, Collection, Editable, Json, Session, WriteOptions, limits, no_parameters};

use super::{Operation, Route, Verb, auth::forbid_storing};
use crate::{
    answer,
    app::App,
    call::Call,
    conditional::IfMatch,
    crud::{Served, list, update},
    problem::Problem,
};

const ALL: &str = "/api-keys";
const ONE: &str = "/api-keys/{id}";

pub(crate) fn routes() -> Vec<Route> {
    let operation = Operation::on::<ApiKey>;
    vec![
        Route::new(Method::GET, ALL, list::<ApiKey>, operation(Verb::List)),
        Route::new(Method::POST, ALL, create_api_key, operation(Verb::Mint)),
        Route::new(Method::PATCH, ONE, update::<ApiKey>, operation(Verb::Patch)),
        Route::new(Method::DELETE, ONE, revoke_api_key, operation(Verb::Revoke)),
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
    forbid_storing(response.headers_mut());
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
