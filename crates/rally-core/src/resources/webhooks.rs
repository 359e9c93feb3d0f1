//! Webhooks: where the events of a tenant are sent to.

mod address;

pub use self::address::{ForbiddenAddress, WebhookReach, WebhookUrl};
