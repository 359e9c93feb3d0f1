use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRequest, Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use rally_core::{Code, Error};
use serde::Deserialize;
use serde_json::json;

use super::{
    answers::{Answered, ok},
    reading::{Bounded, Json, tenant},
};
use crate::{
    answer,
    fake::{
        inbox::{InboxAnswer, WaitFor},
        limits,
        receiving::receive_plain,
        shared::Shared,
        waiting::wait,
    },
    problem::{Failure, Problem},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    answers: Vec<InboxAnswer>,
}

type Named = Path<(String, String)>;

pub(super) async fn list(State(fake): State<Arc<Shared>>, slug: Path<String>) -> Answered {
    let tenant = tenant(&fake, &slug)?;
    let told = |(name, messages, answers): (String, usize, Vec<InboxAnswer>)| {
        let url = tenant.inbox_url() + &name;
        json!({ "name": name, "url": url, "messages": messages, "answers": answers })
    };
    Ok(ok(&tenant.world.inboxes.all().into_iter().map(told).collect()))
}

pub(super) async fn show(State(fake): State<Arc<Shared>>, Path((slug, name)): Named) -> Answered {
    Ok(ok(&json!(tenant(&fake, &Path(slug))?.inbox(&name))))
}

pub(super) async fn script(
    State(fake): State<Arc<Shared>>,
    Path((slug, name)): Named,
    Json(script): Json<Script>,
) -> Answered {
    let tenant = tenant(&fake, &Path(slug))?;
    tenant.script_inbox(&name, script.answers)?;
    Ok(ok(&json!(tenant.inbox(&name))))
}

pub(super) async fn drop_one(State(fake): State<Arc<Shared>>, Path((slug, name)): Named) -> Answered {
    if tenant(&fake, &Path(slug))?.drop_inbox(&name) {
        Ok(ok(&json!({ "name": name, "dropped": true })))
    } else {
        Err(Error::new(Code::NotFound, format!("there is no inbox {name:?}")).into())
    }
}

pub(super) async fn wait_for(
    State(fake): State<Arc<Shared>>,
    Path((slug, name)): Named,
    Json(wanted): Json<WaitFor>,
) -> Answered {
    let tenant = tenant(&fake, &Path(slug))?;
    Ok(ok(&json!(wait(&fake, &tenant.world, &name, &wanted).await)))
}

/// A message that is no event of a webhook, or one that has come over the network.
pub(super) async fn receive(
    State(fake): State<Arc<Shared>>,
    Path((slug, name)): Named,
    request: Request,
) -> Answered {
    let tenant = tenant(&fake, &Path(slug))?;
    let headers = request.headers().clone();
    let Bounded(body) = Bounded::from_request(request, &fake).await?;
    if body.len() > limits::PLAIN_MESSAGE_BYTES {
        let detail = format!("a message has at most {} bytes", limits::PLAIN_MESSAGE_BYTES);
        return Err(Problem::new(Failure::PayloadTooLarge, detail));
    }
    let answer = receive_plain(&tenant.world, &name, &headers, &body)?;
    tenant.world.stirred.notify_one();
    Ok(response(answer))
}

fn response(answer: InboxAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = answer::json(status, Bytes::from(answer.body.unwrap_or_default()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if let Some(seconds) = answer.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
