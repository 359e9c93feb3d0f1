//! The courier: what is sent over the network, to whom, and how much of an answer is read.

mod answers;
mod certificates;
mod reach;
mod receiver;

use std::{sync::Arc, time::Duration};

use rally_core::{Answered, Reach};
use rally_http::{Courier, CourierOptions, HttpCourier, SendError, WebhookRequest};
use tokio::runtime::Runtime;

pub(crate) use self::receiver::{Manner, Received, Receiver};

/// Options of a courier that reaches this machine.
fn near() -> CourierOptions {
    CourierOptions { reach: Reach::InternetAndLoopback, ..CourierOptions::default() }
}

/// Options of a courier that gives up soon, for receivers that never answer.
fn hasty() -> CourierOptions {
    CourierOptions { timeout: Duration::from_millis(300), ..near() }
}

fn request(url: &str) -> WebhookRequest {
    WebhookRequest {
        url: url.to_owned(),
        headers: vec![("webhook-id", "msg_1".to_owned()), ("webhook-timestamp", "1700000000".to_owned())],
        body: br#"{"type":"contact.created"}"#.as_slice().into(),
        trace: None,
    }
}

/// Sends one request.
async fn send(options: CourierOptions, url: &str) -> Result<Answered, SendError> {
    HttpCourier::new(options).send(request(url)).await
}

/// Sends one request to a receiver on this machine that answers in a manner.
fn sent_to(manner: Manner, options: CourierOptions) -> Result<Answered, SendError> {
    Runtime::new().unwrap().block_on(async {
        let receiver = Receiver::start([manner]).await;
        send(options, &receiver.url("/hook")).await
    })
}

fn resolving(resolver: &Arc<reach::Answers>) -> CourierOptions {
    let resolver = Arc::clone(resolver);
    CourierOptions { resolver, ..near() }
}
