//! The courier: what carries the events of webhooks to their receivers.
//!
//! The engine plans: what is due, in which order, when again. A [`Courier`] sends one request and tells how it was
//! answered; [`HttpCourier`] is the one over the network, and a host may bring its own.

mod bounded;
mod driver;
mod exchange;
mod failure;
mod http;
mod message;
mod options;
mod resolve;
mod retry_after;
mod tls;

pub use self::{
    driver::{Delivering, deliver},
    failure::{SendError, Step},
    http::HttpCourier,
    message::{Courier, Underway, WebhookRequest},
    options::CourierOptions,
    resolve::{Resolve, SystemResolver},
    tls::secure_client,
};
#[cfg(feature = "otlp")]
pub(crate) use self::{
    exchange::{Deadline, exchange},
    failure::chain,
    tls::server_name,
};
