//! Takes messages in at the inboxes of a tenant.

use std::collections::BTreeMap;

use axum::{body::Bytes, http::HeaderMap};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use rally_core::{Answered, Claim, Error, Id, RetryAfter, Webhook};
use serde_json::Value;
use sha2::Sha256;
use url::{Host, Url};

use super::{
    inbox::{InboxAnswer, Message, Signature},
    world::World,
};
use crate::limits::WEBHOOK_TIMEOUT;

/// The beginning of the paths of inboxes.
const INBOX: &str = "/_fake/inbox/";

/// The name of the inbox that a URL leads to; `None` if it leads elsewhere. The tenant that stands in it does not matter:
/// webhooks that a fork has from its origin lead to the fork's own inboxes.
pub(crate) fn inbox_of(own: &str, url: &str) -> Option<String> {
    let (own, url) = (Url::parse(own).ok()?, Url::parse(url).ok()?);
    let is_of_this_machine = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let is_own = is_of_this_machine && url.port_or_known_default() == own.port_or_known_default();
    let (_, name) = url.path().strip_prefix(INBOX).filter(|_| is_own)?.split_once('/')?;
    Some(name.to_owned())
}

/// Takes an event in at an inbox, and answers it.
///
/// # Errors
/// A phrase why there was no answer in time.
pub(crate) fn receive(world: &World, name: &str, claim: &Claim) -> Result<Answered, String> {
    let mut headers: BTreeMap<String, String> =
        claim.headers().iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    headers.insert("content-length".to_owned(), claim.body().len().to_string());
    let signature = check(world, claim);
    let answer = take_in(world, name, headers, claim.body(), signature, Some(claim.webhook()));
    let answer = answer.map_err(|error| error.detail().to_owned())?;
    if answer.delay >= WEBHOOK_TIMEOUT {
        return Err(format!("waiting for the answer had not ended after {} s", WEBHOOK_TIMEOUT.as_secs()));
    }
    let retry_after = answer.retry_after.map(|seconds| RetryAfter::Seconds(seconds.into()));
    let body = answer.body.unwrap_or_default().into_bytes();
    Ok(Answered { status: answer.status, retry_after, body })
}

/// Takes in a message that is no event of a webhook.
///
/// # Errors
/// [`Code::LimitExceeded`](rally_core::Code::LimitExceeded) when there are too many inboxes.
pub(crate) fn receive_plain(
    world: &World,
    name: &str,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<InboxAnswer, Error> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers =
        headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect();
    take_in(world, name, headers, body, Signature::None, None)
}

fn take_in(
    world: &World,
    name: &str,
    headers: BTreeMap<String, String>,
    body: &[u8],
    signature: Signature,
    webhook_id: Option<Id<Webhook>>,
) -> Result<InboxAnswer, Error> {
    let at = world.now();
    let body: Value = serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
    let kind = body.get("type").and_then(Value::as_str).map(str::to_owned);
    world.inboxes.take_in(name, |number, answer| Message {
        number,
        at,
        id: headers.get("webhook-id").cloned(),
        kind,
        body,
        headers,
        signature,
        answered: Some(answer.status).filter(|_| answer.delay < WEBHOOK_TIMEOUT),
        webhook_id,
        attempts: Vec::new(),
    })
}

/// Checks the signature of an event as a receiver does, by the secret that the webhook has now.
fn check(world: &World, claim: &Claim) -> Signature {
    let secret = world.session().and_then(|session| session.webhooks().get(claim.webhook()));
    let is_right = secret.is_ok_and(|webhook| is_signed(claim, &webhook.secret));
    if is_right { Signature::Verified } else { Signature::Wrong }
}

fn is_signed(claim: &Claim, secret: &str) -> bool {
    let header = |wanted: &str| {
        let found = claim.headers().iter().find(|(name, _)| *name == wanted);
        found.map_or("", |(_, value)| value.as_str())
    };
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap_or_default();
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
    let signed = mac
        .chain_update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")))
        .chain_update(claim.body());
    header("webhook-signature").split(' ').any(|signature| {
        let bytes = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
        bytes.is_some_and(|bytes| signed.clone().verify_slice(&bytes).is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inbox_is_told_from_a_receiver_elsewhere() {
        let inbox = |url: &str| inbox_of("http://127.0.0.1:4000", url);
        for url in [
            "http://127.0.0.1:4000/_fake/inbox/acme/orders",
            "http://localhost:4000/_fake/inbox/other/orders",
            "http://[::1]:4000/_fake/inbox/acme/orders?x=1",
        ] {
            assert_eq!(inbox(url).as_deref(), Some("orders"), "{url}");
        }
        for url in [
            "http://127.0.0.1:4001/_fake/inbox/acme/orders",
            "http://127.0.0.1:4000/hook",
            "http://127.0.0.1:4000/_fake/inbox/orders",
            "https://x.example:4000/_fake/inbox/acme/orders",
        ] {
            assert_eq!(inbox(url), None, "{url}");
        }
    }
}
