//! Commands on a tenant's webhooks, carried out by a server: nobody else sends events.

use std::time::Duration;

use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    runtime::{self, Runtime},
    time::{sleep, timeout},
};

use crate::{
    arguments::{ServerArguments, WebhooksCommand},
    client::Client,
    failure::Failure,
    table::{Cell, Table},
    tail,
};

/// The longest time that the outcome of a test is waited for: longer than an attempt takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// The time between two questions for it.
const PAUSE: Duration = Duration::from_millis(100);
/// Records of a page.
const PAGE: usize = 100;

pub(crate) fn run(command: &WebhooksCommand) -> Result<(), Failure> {
    runtime()?.block_on(async {
        match command {
            WebhooksCommand::List { on } => list(on).await,
            WebhooksCommand::Test { on, id } => test(on, id).await,
            WebhooksCommand::Replay { on, id, from, to } => replay(on, id, *from, *to).await,
            WebhooksCommand::Tail { on, events, forward } => tail::tail(on, events, forward.as_deref()).await,
        }
    })
}

pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(format!("cannot start: {error}")))
}

/// A webhook as a server answers it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hook {
    pub(crate) id: String,
    pub(crate) name: String,
    url: String,
    pub(crate) secret: String,
    events: Vec<String>,
    is_active: bool,
    disabled_reason: Option<String>,
    failure_count: u32,
    last_triggered_at: Option<String>,
    next_attempt_at: Option<String>,
}

/// A delivery as a server answers it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    id: String,
    event_type: String,
    status: String,
    response_status: Option<u16>,
    duration_ms: Option<u64>,
    error: Option<String>,
}

/// A part of the feed whose events are sent once more.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Replay {
    from_sequence: u64,
    to_sequence: Option<u64>,
}

impl Hook {
    fn state(&self) -> String {
        match &self.disabled_reason {
            _ if self.is_active => "active".to_owned(),
            Some(reason) => format!("off: {reason}"),
            None => "off".to_owned(),
        }
    }
}

async fn list(on: &ServerArguments) -> Result<(), Failure> {
    let columns =
        ["id", "name", "url", "events", "state", "failureCount", "lastTriggeredAt", "nextAttemptAt"];
    let client = Client::open(on).await?;
    let table = Table::begin(on.form(), columns)?;
    all(&client).await?.iter().try_for_each(|hook| {
        table.row([
            Cell::of(&hook.id),
            Cell::of(&hook.name),
            Cell::of(&hook.url),
            Cell::of(hook.events.join(",")),
            Cell::of(hook.state()),
            Cell::number(Some(hook.failure_count), ""),
            Cell::or(hook.last_triggered_at.as_ref(), "never"),
            Cell::or(hook.next_attempt_at.as_ref(), "-"),
        ])
    })
}

/// All webhooks of the tenant.
pub(crate) async fn all(client: &Client) -> Result<Vec<Hook>, Failure> {
    let mut all: Vec<Hook> = Vec::new();
    loop {
        let path = format!("/webhooks?limit={PAGE}&offset={}", all.len());
        let page: Vec<Hook> = client.call(Method::GET, &path, None).await?;
        let is_last = page.len() < PAGE;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

async fn test(on: &ServerArguments, id: &str) -> Result<(), Failure> {
    let columns = ["id", "eventType", "status", "responseStatus", "durationMs", "error"];
    let client = Client::open(on).await?;
    let begun: Delivery =
        client.call(Method::POST, &format!("/webhooks/{id}/test"), Some(&json!({}))).await?;
    let ended = timeout(PATIENCE, outcome(&client, id, &begun.id)).await;
    let delivery = ended.unwrap_or(Ok(begun))?;
    Table::begin(on.form(), columns)?.row([
        Cell::of(&delivery.id),
        Cell::of(&delivery.event_type),
        Cell::of(&delivery.status),
        Cell::number(delivery.response_status, "-"),
        Cell::number(delivery.duration_ms, "-"),
        Cell::or(delivery.error.as_ref(), "-"),
    ])
}

/// The delivery of a test once it has been attempted.
async fn outcome(client: &Client, webhook: &str, delivery: &str) -> Result<Delivery, Failure> {
    loop {
        let path = format!("/webhooks/{webhook}/deliveries?eventType=webhook.test");
        let deliveries: Vec<Delivery> = client.call(Method::GET, &path, None).await?;
        match deliveries.into_iter().find(|known| known.id == delivery) {
            Some(found) if found.status != "pending" => return Ok(found),
            _ => sleep(PAUSE).await,
        }
    }
}

async fn replay(on: &ServerArguments, id: &str, from: u64, to: Option<u64>) -> Result<(), Failure> {
    let asked = json!(Replay { from_sequence: from, to_sequence: to });
    let client = Client::open(on).await?;
    let begun: Replay = client.call(Method::POST, &format!("/webhooks/{id}/replay"), Some(&asked)).await?;
    Table::begin(on.form(), ["webhookId", "fromSequence", "toSequence"])?.row([
        Cell::of(id),
        Cell::number(Some(begun.from_sequence), ""),
        Cell::number(begun.to_sequence, "the last change"),
    ])
}
