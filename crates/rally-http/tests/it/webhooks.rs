//! `/webhooks` and what is below it.

use insta::assert_snapshot;
use rally_core::{Attempted, Config, CourierLimits, Reach};
use serde_json::{Value, json};

use crate::support::{ADA, Answer, Api, NOWHERE, Setting, with};

const HOOKS: &str = "/api/v1/webhooks";
const LEAST: &str = r#"{"name":"Ledger","url":"https://x.example/hook","events":["*"]}"#;

fn at(id: &str) -> String {
    format!("{HOOKS}/{id}")
}

fn made(api: &Api) -> String {
    api.post(HOOKS, LEAST).send().is(201).id()
}

/// Makes each attempt that is due, and answers it with a status.
fn attempt_all(api: &Api, status: u16) -> usize {
    let deliveries = api.engine.deliveries();
    let claims = deliveries.claim(&CourierLimits::default()).unwrap();
    for claim in &claims {
        deliveries.finish(claim, &Attempted::answered(status, 12)).unwrap();
    }
    claims.len()
}

fn deliveries(api: &Api, hook: &str, query: &str) -> Answer {
    api.get(&format!("{}/deliveries{query}", at(hook))).send()
}

/// The values of a member in a list.
fn each(answer: &Answer, member: &str) -> Vec<Value> {
    answer.items().iter().map(|item| item[member].clone()).collect()
}

#[test]
fn a_webhook_has_the_documented_members_and_keeps_its_secret() {
    let api = Api::new();
    let answer = api.post(HOOKS, LEAST).send().is(201);
    let secret = answer.value()["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let mut shown = answer.value();
    shown["secret"] = json!("…");
    shown["id"] = json!("…");
    assert_snapshot!(shown.to_string(), @r#"{"createdAt":"2025-02-01T10:15:00.000005Z","disabledReason":null,"events":["*"],"failureCount":0,"filter":null,"id":"…","isActive":true,"lastTriggeredAt":null,"name":"Ledger","nextAttemptAt":null,"ordering":"record","secret":"…","url":"https://x.example/hook"}"#);
    let id = answer.id();
    let changed = api.put(&at(&id), r#"{"events":["deal.won"],"isActive":false}"#).send().is(200).value();
    assert_eq!((&changed["secret"], &changed["isActive"]), (&json!(secret), &json!(false)));
    assert_eq!(api.get(&at(&id)).send().is(200).value(), changed);
    assert_eq!(api.get(HOOKS).send().is(200).items(), [changed]);
    api.delete(&at(&id)).send().is(200);
    api.get(&at(&id)).send().is(404);
}

#[test]
fn what_is_wrong_with_a_webhook_is_told() {
    let api = Api::new();
    for (member, value, told) in [
        ("url", json!("http://x.example/"), "url must begin with https://"),
        ("url", json!("https://u:p@x.example/"), "url must not hold a user name or a password"),
        ("url", json!("https://x.example:22/"), "url has port 22; it must be 443, 8443 or one from 1024 on"),
        (
            "url",
            json!("https://127.0.0.1.nip.io/"),
            "url leads to 127.0.0.1, a loopback address, where webhooks are not sent",
        ),
        ("url", json!("https://[::1]/"), "url leads to ::1, a loopback address, where webhooks are not sent"),
        (
            "url",
            json!(format!("https://x.example/{}", "x".repeat(2_048))),
            "url must not be longer than 2048 characters",
        ),
        ("events", json!([]), "events"),
        ("events", json!(["deal.lots"]), "events"),
        ("events", json!("*"), "events"),
        ("name", json!("x".repeat(256)), "name must not be longer than 255 characters"),
        ("name", json!(null), "name is required"),
        ("filter", json!({"changedFields": ["size"]}), "filter.changedFields"),
        ("ordering", json!("loose"), "ordering"),
    ] {
        let answer = api.post(HOOKS, with(LEAST, member, value.clone())).send().is(400);
        assert!(answer.told().starts_with(&format!("400 validation: {told}")), "{value}: {answer}");
    }
    let answer = api.post(HOOKS, with(LEAST, "filter", json!({ "pipelineId": NOWHERE }))).send();
    assert!(answer.told().starts_with("400 bad_reference: filter.pipelineId"), "{answer}");
    assert_eq!(api.get(HOOKS).send().items().len(), 0);
}

#[test]
fn a_secret_is_made_here() {
    let api = Api::new();
    let id = made(&api);
    for ask in [
        api.put(&at(&id), r#"{"secret":"whsec_AAAA"}"#),
        api.post(HOOKS, with(LEAST, "secret", "whsec_AAAA")),
    ] {
        let told = ask.send().told();
        assert!(
            told.starts_with("400 validation: secret is made here and replaced by rotate-secret"),
            "{told}"
        );
    }
}

#[test]
fn a_tenant_has_fifty_webhooks_and_no_more() {
    let api = Api::new();
    let ids: Vec<String> = (0..50).map(|_| made(&api)).collect();
    let told = api.post(HOOKS, LEAST).send().is(400).told();
    assert_eq!(told, "400 limit_exceeded: a tenant has at most 50 webhooks; delete one first");
    assert!(api.post(HOOKS, LEAST).key(&api.other).send().is(201).id() != ids[0]);
    api.delete(&at(&ids[0])).send().is(200);
    made(&api);
}

#[test]
fn every_operation_asks_for_an_admin() {
    let api = Api::new();
    let id = made(&api);
    api.post("/api/v1/contacts", ADA).send().is(201);
    let delivery = deliveries(&api, &id, "").items()[0]["id"].as_str().unwrap().to_owned();
    for key in [&api.reader, ""] {
        for ask in [
            api.get(HOOKS),
            api.post(HOOKS, LEAST),
            api.get(&at(&id)),
            api.put(&at(&id), "{}"),
            api.patch(&at(&id), "{}"),
            api.delete(&at(&id)),
            api.post(&format!("{}/test", at(&id)), "{}"),
            api.post(&format!("{}/replay", at(&id)), r#"{"fromSequence":1}"#),
            api.post(&format!("{}/rotate-secret", at(&id)), "{}"),
            api.get(&format!("{}/deliveries", at(&id))),
            api.post(&format!("{}/deliveries/{delivery}/redeliver", at(&id)), "{}"),
        ] {
            let answer = ask.key(key).send();
            assert_eq!(answer.status, if key.is_empty() { 401 } else { 403 }, "{answer}");
        }
    }
}

#[test]
fn a_webhook_of_another_tenant_is_unknown() {
    let api = Api::new();
    let (own, foreign) = (made(&api), api.post(HOOKS, LEAST).key(&api.other).send().is(201).id());
    api.post("/api/v1/contacts", ADA).send().is(201);
    let delivery = deliveries(&api, &own, "").items()[0]["id"].as_str().unwrap().to_owned();
    for id in [&foreign, NOWHERE, "x"] {
        for ask in [
            api.get(&at(id)),
            api.put(&at(id), "{}"),
            api.delete(&at(id)),
            api.post(&format!("{}/test", at(id)), "{}"),
            api.post(&format!("{}/replay", at(id)), r#"{"fromSequence":1}"#),
            api.post(&format!("{}/rotate-secret", at(id)), "{}"),
            api.get(&format!("{}/deliveries", at(id))),
            api.post(&format!("{}/deliveries/{delivery}/redeliver", at(id)), "{}"),
        ] {
            assert_eq!(ask.send().told(), "404 not_found: there is no such webhook");
        }
    }
    let second = made(&api);
    for (hook, delivery) in [(&second, delivery.as_str()), (&own, NOWHERE), (&own, "x")] {
        let answer = api.post(&format!("{}/deliveries/{delivery}/redeliver", at(hook)), "{}").send();
        assert_eq!(answer.told(), "404 not_found: there is no such delivery");
    }
}

#[test]
fn a_list_of_deliveries_is_paged_and_filtered() {
    let api = Api::new();
    let id = made(&api);
    for number in 0..5 {
        api.add(&format!("c{number}@x.example"));
    }
    attempt_all(&api, 204);
    api.clock.advance(1_000_000);
    let contact = api.add("last@x.example");
    api.delete(&format!("/api/v1/contacts/{contact}")).send().is(200);
    attempt_all(&api, 500);
    let all = deliveries(&api, &id, "?count=true").is(200);
    assert_eq!(all.header("X-Total-Count"), "7");
    assert_eq!(each(&all, "sequence"), [7, 6, 5, 4, 3, 2, 1].map(Value::from), "newest first");
    assert_eq!(each(&all, "status")[..3], [json!("pending"), json!("failed"), json!("succeeded")]);
    let query = |query: &str| each(&deliveries(&api, &id, query).is(200), "sequence");
    assert_eq!(query("?limit=2&offset=1"), [6, 5].map(Value::from));
    assert_eq!(query("?status=succeeded"), [5, 4, 3, 2, 1].map(Value::from));
    assert_eq!(query("?status=failed&eventType=contact.created"), [6].map(Value::from));
    assert_eq!(query("?eventType=contact.deleted"), [7].map(Value::from));
    let named = deliveries(&api, &id, "?fields=status,responseStatus&status=failed").is(200);
    assert_eq!(named.body, r#"[{"status":"failed","responseStatus":500}]"#);
    let mut path = format!("{}/deliveries?limit=3", at(&id));
    let mut walked = Vec::new();
    loop {
        let page = api.get(&path).send().is(200);
        walked.extend(each(&page, "sequence"));
        let next =
            page.header("Link").split(", ").find(|link| link.ends_with("rel=\"next\"")).map(str::to_owned);
        let Some(next) = next else { break };
        path = next.trim_start_matches('<').split_once('>').unwrap().0.to_owned();
    }
    assert_eq!(walked, [7, 6, 5, 4, 3, 2, 1].map(Value::from));
    for (wrong, told) in [
        ("?limit=0", "limit must be a whole number from 1 to 100"),
        ("?limit=101", "limit must be a whole number from 1 to 100"),
        ("?status=lost", "status"),
        ("?eventType=deal.lots", "eventType"),
        ("?after=x", "after is not an id"),
        ("?after=0194c101-aca0-4001-9859-d4265eb01788", "after is not the id of a delivery"),
    ] {
        let answer = deliveries(&api, &id, wrong).is(400);
        assert!(answer.told().starts_with(&format!("400 validation: {told}")), "{answer}");
    }
}

#[test]
fn a_test_is_sent_also_to_a_webhook_that_is_off_and_switches_it_on() {
    let api = Api::new();
    let id = made(&api);
    api.put(&at(&id), r#"{"isActive":false}"#).send().is(200);
    for body in ["", "{}"] {
        let begun = api.post(&format!("{}/test", at(&id)), body).send().is(200).value();
        assert_eq!((&begun["eventType"], &begun["status"]), (&json!("webhook.test"), &json!("pending")));
    }
    assert_eq!(attempt_all(&api, 500), 2);
    assert_eq!(api.get(&at(&id)).send().value()["isActive"], false);
    api.post(&format!("{}/test", at(&id)), "{}").send().is(200);
    assert_eq!(attempt_all(&api, 204), 1);
    assert_eq!(api.get(&at(&id)).send().value()["isActive"], true);
    let strict = Api::strict();
    let id = made(&strict);
    assert_eq!(
        strict.post(&format!("{}/test", at(&id)), r#"{"event":"x"}"#).send().told(),
        "400 validation: event is not a member here"
    );
}

#[test]
fn a_delivery_is_made_once_more() {
    let api = Api::new();
    let id = made(&api);
    api.add("a@x.example");
    attempt_all(&api, 204);
    let delivery = deliveries(&api, &id, "").items().remove(0);
    let path = format!("{}/deliveries/{}/redeliver", at(&id), delivery["id"].as_str().unwrap());
    let again = api.post(&path, "{}").send().is(200).value();
    assert_eq!((&again["id"], &again["status"]), (&delivery["id"], &json!("pending")));
    assert_eq!(attempt_all(&api, 204), 1);
    assert_eq!(deliveries(&api, &id, "").items().len(), 1);
}

#[test]
fn the_message_of_a_delivery_is_what_is_sent() {
    let api = Api::new();
    let id = made(&api);
    api.add("a@x.example");
    let delivery = deliveries(&api, &id, "").items().remove(0);
    let name = delivery["id"].as_str().unwrap();
    let path = format!("{}/deliveries/{name}/message", at(&id));
    let message = api.get(&path).send().is(200).value();
    assert_eq!((&message["webhookId"], &message["contentType"]), (&json!(name), &json!("application/json")));
    let body: Value = serde_json::from_str(message["body"].as_str().unwrap()).unwrap();
    assert_eq!((&body["type"], &body["data"]["email"]), (&json!("contact.created"), &json!("a@x.example")));
    for (key, status) in [("", 401), (&*api.reader, 403), (&*api.other, 404)] {
        api.get(&path).key(key).send().is(status);
    }
    for unknown in [path.replace(name, NOWHERE), path.replace(name, "7"), path.replace(&id, NOWHERE)] {
        api.get(&unknown).send().is(404);
    }
}

#[test]
fn the_past_is_sent_once_more() {
    let api = Api::new();
    for number in 0..3 {
        api.add(&format!("c{number}@x.example"));
    }
    let id = made(&api);
    let replay = |body: &str| api.post(&format!("{}/replay", at(&id)), body.to_owned()).send();
    let begun = replay(r#"{"fromSequence":2,"toSequence":3}"#).is(200).value();
    assert_eq!(begun, json!({ "fromSequence": 2, "toSequence": 3 }));
    while attempt_all(&api, 204) > 0 {}
    let told = each(&deliveries(&api, &id, ""), "sequence");
    assert_eq!(told.len(), 2, "{told:?}");
    for (body, told) in [
        ("{}", "fromSequence is required"),
        (r#"{"fromSequence":0}"#, "fromSequence must be 1 to 3"),
        (r#"{"fromSequence":4}"#, "fromSequence must be 1 to 3"),
        (r#"{"fromSequence":3,"toSequence":2}"#, "toSequence must be 3 to 3"),
        (r#"{"fromSequence":1,"toSequence":4}"#, "toSequence must be 1 to 3"),
        (r#"{"fromSequence":"1"}"#, "fromSequence must be a number"),
    ] {
        let answer = replay(body).is(400);
        assert!(answer.told().starts_with(&format!("400 validation: {told}")), "{body}: {answer}");
    }
}

#[test]
fn an_act_happens_once_for_its_key_and_under_its_precondition() {
    let api = Api::new();
    let id = made(&api);
    api.add("a@x.example");
    attempt_all(&api, 204);
    let delivery = deliveries(&api, &id, "").items().remove(0)["id"].as_str().unwrap().to_owned();
    let redeliver = format!("deliveries/{delivery}/redeliver");
    for (act, body) in [("test", "{}"), (&redeliver, "{}"), ("replay", r#"{"fromSequence":1}"#)] {
        let ask = || {
            api.post(&format!("{}/{act}", at(&id)), body).header("Idempotency-Key", &act.replace('/', "."))
        };
        let first = ask().send().is(200);
        assert_eq!(first.header("Idempotent-Replayed"), "", "{act}");
        while attempt_all(&api, 204) > 0 {}
        let before = deliveries(&api, &id, "?count=true");
        assert_eq!(ask().send().is(200).header("Idempotent-Replayed"), "true", "{act}");
        assert_eq!(attempt_all(&api, 204), 0, "{act} happened again");
        let after = deliveries(&api, &id, "?count=true");
        assert_eq!(after.header("X-Total-Count"), before.header("X-Total-Count"), "{act}");
        let unmet = api.post(&format!("{}/{act}", at(&id)), body).header("If-Match", "\"1\"");
        unmet.send().is(412);
        assert_eq!(attempt_all(&api, 204), 0, "{act} happened in spite of its precondition");
    }
}

#[test]
fn a_secret_is_replaced_with_up_to_a_week_of_grace() {
    let api = Api::new();
    let id = made(&api);
    let rotate = |body: &str| api.post(&format!("{}/rotate-secret", at(&id)), body.to_owned()).send();
    let first = api.get(&at(&id)).send().value()["secret"].clone();
    let second = rotate("").is(200).value()["secret"].clone();
    assert_ne!(first, second);
    for body in [r#"{"graceHours":0}"#, r#"{"graceHours":168}"#, "{}"] {
        assert_ne!(rotate(body).is(200).value()["secret"], second, "{body}");
    }
    for (body, told) in [
        (r#"{"graceHours":169}"#, "graceHours must be 0 to 168"),
        (r#"{"graceHours":-1}"#, "graceHours must be a whole number from 0 up"),
        (r#"{"graceHours":99999999}"#, "graceHours must be 0 to 168"),
    ] {
        assert_eq!(rotate(body).told(), format!("400 validation: {told}"));
    }
    rotate("{}").is(200);
    let told = rotate("{}").is(400).told();
    assert!(told.starts_with("400 limit_exceeded: 5 secrets sign already"), "{told}");
    let audit = api.get("/api/v1/audit?action=webhook.secretRotated&count=true").send();
    assert_eq!(audit.header("X-Total-Count"), "5");
}

#[test]
fn a_repeated_request_makes_one_webhook_and_one_new_secret() {
    let api = Api::new();
    let create = || api.post(HOOKS, LEAST).header("Idempotency-Key", "k").send().is(201);
    let (first, second) = (create(), create());
    assert_eq!((first.id(), second.header("Idempotent-Replayed")), (second.id(), "true"));
    let path = format!("{}/rotate-secret", at(&first.id()));
    let rotate = || api.post(&path, "{}").header("Idempotency-Key", "r").send().is(200);
    let (first, second) = (rotate(), rotate());
    assert_eq!(first.value()["secret"], second.value()["secret"]);
    assert_eq!(second.header("Idempotent-Replayed"), "true");
}

#[test]
fn a_host_may_let_webhooks_reach_this_machine() {
    let engine = Config { reach: Reach::InternetAndLoopback, ..Config::default() };
    let api = Api::with(Setting { engine, ..Setting::default() });
    api.post(HOOKS, with(LEAST, "url", "http://127.0.0.1:3000/hook")).send().is(201);
    api.post(HOOKS, with(LEAST, "url", "http://10.0.0.1:3000/hook")).send().is(400);
}
