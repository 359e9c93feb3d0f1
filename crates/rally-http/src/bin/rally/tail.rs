//! Events of a tenant as they happen, for whoever writes a receiver: a webhook that leads here, for as long as the command
//! runs, and from here to the receiver.

use std::{future::pending, net::Ipv4Addr, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    routing::post,
};
use rally_core::Reach;
use rally_http::{Courier, CourierOptions, HttpCourier, ServeOptions, WebhookRequest};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    admin::print,
    arguments::ServerArguments,
    client::Client,
    failure::Failure,
    signals::{Signals, StandardInput},
    table::Form,
    webhooks::{self, Hook},
};

/// The name of the webhook. One that an earlier run has left behind, as it was killed, is deleted.
const NAME: &str = "rally webhooks tail";

/// The headers that say which event it is and who has signed it.
const SIGNED: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

/// The treatment of an event that has come.
struct Tail {
    form: Form,
    forward: Option<String>,
    courier: HttpCourier,
}

/// Prints the events of a tenant, and forwards them, until it is asked to stop.
pub(crate) async fn tail(
    on: &ServerArguments,
    events: &[String],
    forward: Option<&str>,
) -> Result<(), Failure> {
    let signals = Signals::take(StandardInput::Ignored)?;
    let client = Client::open(on).await?;
    let listening = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listening.map_err(|error| Failure::new(format!("no port is free: {error}")))?;
    let address = listener.local_addr().map_err(|error| Failure::new(error.to_string()))?;
    let options = CourierOptions { reach: Reach::InternetAndLoopback, ..CourierOptions::default() };
    let tail =
        Tail { form: on.form(), forward: forward.map(str::to_owned), courier: HttpCourier::new(options) };
    let router = Router::new().route("/", post(receive)).with_state(Arc::new(tail));
    let hook = subscribe(&client, &format!("http://{address}/"), events).await?;
    let told = announce(on, &hook, forward);
    let serving = rally_http::serve(listener, router, ServeOptions::default(), pending());
    let ended = match told {
        Ok(()) => tokio::select! {
            served = serving => served.map_err(|error| Failure::new(error.to_string())),
            _ = signals.stop() => Ok(()),
        },
        failed => failed,
    };
    ended.and(unsubscribe(&client, &hook).await)
}

/// Makes the webhook, and deletes those that earlier runs have left behind.
async fn subscribe(client: &Client, url: &str, events: &[String]) -> Result<Hook, Failure> {
    for hook in webhooks::all(client).await?.iter().filter(|hook| hook.name == NAME) {
        unsubscribe(client, hook).await?;
    }
    let draft = json!({ "name": NAME, "url": url, "events": events });
    let made = client.call(Method::POST, "/webhooks", Some(&draft)).await;
    made.map_err(|failure| {
        failure.while_doing("the server sends no events here; was it started with --webhook-allow-loopback?")
    })
}

async fn unsubscribe(client: &Client, hook: &Hook) -> Result<(), Failure> {
    let _deleted: IgnoredAny = client.call(Method::DELETE, &format!("/webhooks/{}", hook.id), None).await?;
    Ok(())
}

/// Prints the secret, and a line for whoever waits until events come.
fn announce(on: &ServerArguments, hook: &Hook, forward: Option<&str>) -> Result<(), Failure> {
    let secret = &hook.secret;
    match on.form() {
        Form::Json => print(&format!("{}\n", json!({ "ready": true, "secret": secret, "forward": forward }))),
        Form::Text => {
            let to = forward.map_or_else(String::new, |url| format!(" and are sent on to {url}"));
            print(&format!("secret {secret}\nready: events of {} come here{to}\n", on.tenant))
        }
    }
}

/// Prints an event and sends it on, as it came. The receiver's answer is that of the webhook, so events that it does not
/// take come again.
async fn receive(State(tail): State<Arc<Tail>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let status = match &tail.forward {
        None => StatusCode::NO_CONTENT,
        Some(url) => forward(&tail.courier, url, &headers, body.clone()).await,
    };
    // Once nobody reads, events are refused, and come again to whoever follows next.
    if tail.tell(&body, status).is_err() { StatusCode::SERVICE_UNAVAILABLE } else { status }
}

async fn forward(courier: &HttpCourier, url: &str, headers: &HeaderMap, body: Bytes) -> StatusCode {
    let signed = SIGNED.into_iter().filter_map(|name| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name, value.to_owned()))
    });
    let request = WebhookRequest { url: url.to_owned(), headers: signed.collect(), body, trace: None };
    match courier.send(request).await {
        Ok(answer) => StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY),
        Err(failure) => {
            tracing::debug!(%failure, "an event was not sent on");
            StatusCode::BAD_GATEWAY
        }
    }
}

/// The members of an event that a person reads.
#[derive(Deserialize)]
struct Told {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    sequence: u64,
}

impl Tail {
    fn tell(&self, body: &[u8], status: StatusCode) -> Result<(), Failure> {
        let unread = |error: serde_json::Error| Failure::new(error.to_string());
        match self.form {
            Form::Json => {
                let event: Value = serde_json::from_slice(body).map_err(unread)?;
                print(&format!("{}\n", json!({ "status": status.as_u16(), "event": event })))
            }
            Form::Text => {
                let Told { id, kind, sequence } = serde_json::from_slice(body).map_err(unread)?;
                print(&format!("{kind}\t{sequence}\t{id}\t{}\n", status.as_str()))
            }
        }
    }
}
