use axum::{http::StatusCode, response::Response};
use rally_core::{
    Delivery, DeliveryMessage, DeliveryQuery, Error, Event, Page, Webhook, limits,
    schema::{Editable, Fields, Model, Resource, Row},
};
use serde_json::json;

use super::documents::{GET_MESSAGE, LIST_DELIVERIES, REDELIVER};
use crate::{
    answer,
    app::App,
    call::Call,
    conditional::Preconditions,
    crud::Served,
    lanes::Work,
    parameters::Parameters,
    problem::Problem,
    query,
    route::{Method, Operation, Route},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::Get,
            "/webhooks/{id}/deliveries",
            list_deliveries,
            Operation::Special(&LIST_DELIVERIES),
        ),
        Route::new(
            Method::Get,
            "/webhooks/{id}/deliveries/{deliveryId}/message",
            message,
            Operation::Special(&GET_MESSAGE),
        ),
        Route::new(
            Method::Post,
            "/webhooks/{id}/deliveries/{deliveryId}/redeliver",
            redeliver,
            Operation::Special(&REDELIVER),
        ),
    ]
}

/// The parameters of a list of deliveries.
struct Asked {
    deliveries: DeliveryQuery,
    fields: Fields,
    /// Names that mean nothing here.
    ignored: Vec<String>,
}

async fn list_deliveries(app: App, call: Call) -> Result<Response, Problem> {
    let answered = app.run(Work::LongRead, call.party(), move || {
        call.session.require(Delivery::READ)?;
        let asked = asked(call.parameters()?, call.model::<Delivery>())?;
        let page = Webhook::of(&call.session).deliveries(call.id()?).rows(&asked.deliveries)?;
        let mut response = answer::page(&page, &asked.fields)?;
        answer::write_links(&mut response, &call.path(), &links(&call, &asked, &page)?)?;
        Ok(response)
    });
    Ok(answered.await?)
}

fn asked(mut parameters: Parameters, model: &Model) -> Result<Asked, Error> {
    let deliveries = DeliveryQuery {
        limit: parameters.number("limit", 1, limits::PAGE).unwrap_or(limits::PAGE),
        offset: parameters.offset(),
        after: parameters.id("after"),
        updated_since: parameters.instant("updatedSince"),
        status: parameters.word("status"),
        event_type: parameters.word::<Event>("eventType"),
        count: parameters.flag("count"),
    };
    let fields = parameters.fields(model);
    let ignored = parameters.finish()?;
    Ok(Asked { deliveries, fields, ignored })
}

/// The pages around one. The next one goes on behind the last delivery, which is older than it, so that newer ones move
/// nothing.
fn links(
    call: &Call,
    asked: &Asked,
    page: &Page<Row<Delivery>>,
) -> Result<Vec<(&'static str, String)>, Error> {
    let other = |replaced: &[&str], added: &[(&str, &str)]| {
        query::with(call.uri.query(), &asked.ignored, replaced, added)
    };
    let mut links = vec![("first", other(&["offset", "after"], &[("offset", "0")]))];
    let step = u64::try_from(asked.deliveries.limit).map_err(Error::internal)?;
    if let Some(before) = asked.deliveries.offset.checked_sub(step) {
        links.push(("prev", other(&["offset"], &[("offset", &before.to_string())])));
    }
    if let (true, Some(last)) = (page.has_more, page.records.last()) {
        links.push(("next", other(&["offset", "after"], &[("after", &last.id().to_string())])));
    }
    Ok(links)
}

async fn message(app: App, call: Call) -> Result<Response, Problem> {
    let answered = app.run(Work::Read, call.party(), move || {
        call.session.require(Delivery::READ)?;
        call.take_no_parameters()?;
        let (id, delivery) = (call.id()?, call.id_behind::<Delivery>("deliveries", "delivery")?);
        let DeliveryMessage { webhook_id, body } =
            Webhook::of(&call.session).deliveries(id).message(delivery)?;
        let message = json!({ "contentType": "application/json", "webhookId": webhook_id, "body": body });
        Ok(answer::json(StatusCode::OK, message.to_string()))
    });
    Ok(answered.await?)
}

async fn redeliver(app: App, mut call: Call) -> Result<Response, Problem> {
    call.take_no_members(Webhook::WRITE).await?;
    let answered = app.run(Work::Write, call.party(), move || {
        call.take_no_parameters()?;
        let (id, delivery) = (call.id()?, call.id_behind::<Delivery>("deliveries", "delivery")?);
        let idempotency_key = call.idempotency_key(b"")?;
        let again = Preconditions::of(&call.headers)?.attempt(idempotency_key, |options| {
            Webhook::of(&call.session).json().redeliver(id, delivery, options)
        })?;
        answer::acted(&call, &again)
    });
    Ok(answered.await?)
}
