mod deliveries;
mod documents;

use axum::{http::StatusCode, response::Response};
use rally_core::{Collection, Faults, Session, Webhook, schema::Editable};
use serde_json::json;

use self::documents::{REPLAY, ROTATE_SECRET, TEST};
use crate::{
    answer,
    app::App,
    call::Call,
    conditional::Preconditions,
    crud::{Served, crud},
    lanes::Work,
    limits,
    object::numbers,
    problem::Problem,
    route::{Method, Operation, Route},
};

pub(crate) fn routes() -> Vec<Route> {
    let acts = vec![
        Route::new(Method::Post, "/webhooks/{id}/test", test, Operation::Special(&TEST)),
        Route::new(Method::Post, "/webhooks/{id}/replay", replay, Operation::Special(&REPLAY)),
        Route::new(
            Method::Post,
            "/webhooks/{id}/rotate-secret",
            rotate_secret,
            Operation::Special(&ROTATE_SECRET),
        ),
    ];
    [crud::<Webhook>(), acts, deliveries::routes()].into_iter().flatten().collect()
}

impl Served for Webhook {
    fn of(session: &Session) -> Collection<'_, Self> {
        session.webhooks()
    }
}

async fn test(app: App, mut call: Call) -> Result<Response, Problem> {
    call.take_no_members(Webhook::WRITE).await?;
    let answered = app.run(Work::Write, call.party(), move || {
        call.take_no_parameters()?;
        let (id, idempotency_key) = (call.id()?, call.idempotency_key(b"")?);
        let sent = Preconditions::of(&call.headers)?
            .attempt(idempotency_key, |options| Webhook::of(&call.session).json().test(id, options))?;
        answer::acted(&call, &sent)
    });
    Ok(answered.await?)
}

async fn replay(app: App, mut call: Call) -> Result<Response, Problem> {
    let json = call.json(Webhook::WRITE, limits::BODY_BYTES).await?;
    let answered = app.run(Work::Write, call.party(), move || {
        call.take_no_parameters()?;
        let [from, to] = numbers(&json, ["fromSequence", "toSequence"], call.session.tenant().profile)?;
        let Some(from) = from else {
            return Err(Faults::one("fromSequence", "is required").into());
        };
        let (id, idempotency_key) = (call.id()?, call.idempotency_key(&json)?);
        let replayed = Preconditions::of(&call.headers)?.attempt(idempotency_key, |options| {
            Webhook::of(&call.session).json().replay(id, from, to, options)
        })?;
        let begun = json!({ "fromSequence": from, "toSequence": to });
        let mut response = answer::json(StatusCode::OK, begun.to_string());
        answer::write_replayed(response.headers_mut(), replayed);
        Ok(response)
    });
    Ok(answered.await?)
}

async fn rotate_secret(app: App, mut call: Call) -> Result<Response, Problem> {
    let json = call.optional_json(Webhook::WRITE, limits::BODY_BYTES).await?;
    let answered = app.run(Work::Write, call.party(), move || {
        call.take_no_parameters()?;
        let [hours] = numbers(&json, ["graceHours"], call.session.tenant().profile)?;
        // More hours than fit are too many all the same.
        let hours =
            hours.map_or(limits::SECRET_GRACE_HOURS, |hours| u16::try_from(hours).unwrap_or(u16::MAX));
        let (id, idempotency_key) = (call.id()?, call.idempotency_key(&json)?);
        let written = Preconditions::of(&call.headers)?.attempt(idempotency_key, |options| {
            Webhook::of(&call.session).json().rotate_secret(id, hours, options)
        })?;
        answer::written(&call, &written)
    });
    Ok(answered.await?)
}
