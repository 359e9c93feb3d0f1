//! The descriptions of the operations that webhooks alone have.

use rally_core::{
    Delivery, DeliveryStatus, Event, Webhook, limits,
    schema::{Editable, Resource},
};
use serde_json::{Value, json};

use crate::{
    limits::SECRET_GRACE_HOURS,
    openapi::{ID, closed_set, count, example, fields_of, integer, or_null, told, uuid, whole_with},
    route::{AnswerBody, BodySpec, ResponseSpec, Schema, Special},
};

/// The name of a delivery in the document.
const DELIVERY: &str = "delivery";

pub(super) static TEST: Special = Special {
    id: "testWebhook",
    summary: "Send a test event to a webhook",
    description: "Sends an event of the type `webhook.test` at once and once only, also to a webhook that is switched off. \
                  If the receiver takes it, the webhook is switched on. The list of deliveries tells how it went.",
    scope: Some(Webhook::WRITE),
    parameters: &["Id", "IfMatch", "IfNoneMatchWrite", "IdempotencyKey"],
    body: None,
    answer: ResponseSpec {
        status: 200,
        description: "The delivery, before it is attempted.",
        body: AnswerBody::One("Delivery"),
        example: delivery_example,
        headers: &["Idempotent-Replayed"],
    },
    schemas: &[Schema { name: "Delivery", json: delivery }],
};

pub(super) static REDELIVER: Special = Special {
    id: "redeliver",
    summary: "Deliver an event once more",
    description: "The delivery begins anew, as if it had never been attempted, with the same `webhook-id`. An attempt that \
                  is under way is waited for: until then the answer is 409.",
    scope: Some(Webhook::WRITE),
    parameters: &["Id", "DeliveryId", "IfMatch", "IfNoneMatchWrite", "IdempotencyKey"],
    body: None,
    answer: ResponseSpec {
        status: 200,
        description: "The delivery as it is now.",
        body: AnswerBody::One("Delivery"),
        example: delivery_example,
        headers: &["Idempotent-Replayed"],
    },
    schemas: &[],
};

pub(super) static REPLAY: Special = Special {
    id: "replayEvents",
    summary: "Deliver the events of the past once more",
    description: "The events of the changes from one of the feed to another, as far as the webhook subscribes to them; also \
                  those of a time when it was switched off. They come behind what waits already, with the `webhook-id` that \
                  they had. Events that are kept no longer are told from the feed, without `previous`.",
    scope: Some(Webhook::WRITE),
    parameters: &["Id", "IfMatch", "IfNoneMatchWrite", "IdempotencyKey"],
    body: Some(BodySpec { schema: "Replay", example: replay_example }),
    answer: ResponseSpec {
        status: 200,
        description: "The replay has begun.",
        body: AnswerBody::One("Replay"),
        example: replay_example,
        headers: &["Idempotent-Replayed"],
    },
    schemas: &[Schema { name: "Replay", json: replay }],
};

pub(super) static ROTATE_SECRET: Special = Special {
    id: "rotateWebhookSecret",
    summary: "Replace the secret of a webhook",
    description: "The secret before it goes on signing, beside the new one, until the hours of grace are over. At most five \
                  secrets sign at once.",
    scope: Some(Webhook::WRITE),
    parameters: &["Id", "IfMatch", "IfNoneMatchWrite", "IdempotencyKey", "Prefer"],
    body: Some(BodySpec {
        schema: "SecretRotation",
        example: || json!({ "graceHours": SECRET_GRACE_HOURS }),
    }),
    answer: ResponseSpec {
        status: 200,
        description: "The webhook with its new secret.",
        body: AnswerBody::One("Webhook"),
        example: || example(Webhook::model(), Webhook::KIND.noun()),
        headers: &["ETag", "Idempotent-Replayed"],
    },
    schemas: &[Schema { name: "SecretRotation", json: secret_rotation }],
};

pub(super) static GET_MESSAGE: Special = Special {
    id: "getDeliveryMessage",
    summary: "Get the message of a delivery",
    description: "The body as it is sent, byte for byte, and the headers that all attempts have alike. Each has a \
                  `webhook-timestamp` and a `webhook-signature` of its own.",
    scope: Some(Delivery::READ),
    parameters: &["Id", "DeliveryId"],
    body: None,
    answer: ResponseSpec {
        status: 200,
        description: "The message.",
        body: AnswerBody::One("DeliveryMessage"),
        example: message_example,
        headers: &[],
    },
    schemas: &[Schema { name: "DeliveryMessage", json: message }],
};

pub(super) static LIST_DELIVERIES: Special = Special {
    id: "listDeliveries",
    summary: "List the deliveries of a webhook",
    description: "Deliveries of the last 30 days, newest first. `Link` has the address of the next page.",
    scope: Some(Delivery::READ),
    parameters: &[
        "Id",
        "Limit",
        "Offset",
        "AfterDelivery",
        "DeliveriesUpdatedSince",
        "DeliveryStatus",
        "EventType",
        "Count",
        "Fields",
    ],
    body: None,
    answer: ResponseSpec {
        status: 200,
        description: "A page of the list.",
        body: AnswerBody::ListOf("DeliveryFields"),
        example: delivery_example,
        headers: &["Link", "X-Total-Count"],
    },
    schemas: &[
        Schema { name: "DeliveryFields", json: || fields_of(Delivery::model(), DELIVERY) },
        Schema { name: "DeliveryStatus", json: || closed_set(DeliveryStatus::SET).1 },
        Schema { name: "Event", json: || closed_set(Event::SET).1 },
    ],
};

fn delivery() -> Value {
    whole_with(Delivery::model(), DELIVERY, "The delivery of an event to a webhook.", json!({}))
}

fn delivery_example() -> Value {
    example(Delivery::model(), DELIVERY)
}

fn message() -> Value {
    let text = || json!({ "type": "string" });
    let body = json!({ "type": ["string", "null"] });
    json!({
        "type": "object",
        "description": "What a delivery brings to its receiver.",
        "required": ["contentType", "webhookId", "body"],
        "properties": {
            "contentType": told(text(), "The header `content-type`.", json!("application/json")),
            "webhookId": told(uuid(), "The header `webhook-id`, the same on every attempt.", json!(ID)),
            "body": told(
                body,
                "The body; no value while it is not made yet, which the first attempt does for changes of a large \
                 transaction, and once it is kept no more.",
                json!(r#"{"type":"deal.won"}"#),
            ),
        },
    })
}

fn message_example() -> Value {
    json!({ "contentType": "application/json", "webhookId": ID, "body": r#"{"type":"deal.won"}"# })
}

fn replay() -> Value {
    json!({
        "type": "object",
        "description": "Changes of the feed whose events are delivered once more.",
        "required": ["fromSequence"],
        "properties": {
            "fromSequence": told(count(1), "The first change, by its `id` in the feed.", json!(1042)),
            "toSequence": told(or_null(count(1)), "The last change; the last of all unless it is set.", json!(2000)),
        },
    })
}

fn replay_example() -> Value {
    json!({ "fromSequence": 1042, "toSequence": 2000 })
}

fn secret_rotation() -> Value {
    let hours = integer(0, limits::GRACE_HOURS.into());
    json!({
        "type": "object",
        "description": "The time for which the secret before goes on signing.",
        "properties": {
            "graceHours": told(or_null(hours), "Hours of grace; 24 unless they are set.", json!(SECRET_GRACE_HOURS)),
        },
    })
}
