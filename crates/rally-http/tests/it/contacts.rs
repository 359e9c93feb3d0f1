//! `/contacts` and what is below it.

use axum::http::Method;
use insta::assert_snapshot;
use rally_http::limits;
use serde_json::json;

use crate::support::{ADA, Api, NOWHERE};

const CONTACTS: &str = "/api/v1/contacts";

fn at(id: &str) -> String {
    format!("{CONTACTS}/{id}")
}

fn contact(email: &str) -> String {
    ADA.replace("ada@x.example", email)
}

#[test]
fn a_contact_is_created() {
    let api = Api::new();
    let answer = api.post(CONTACTS, ADA).send();
    assert_snapshot!(answer, @r#"
    201
    {
      "address": null,
      "city": null,
      "companyId": null,
      "country": null,
      "createdAt": "2025-02-01T10:15:00.000005Z",
      "department": null,
      "email": "ada@x.example",
      "firstName": "Ada",
      "fullName": "Ada Lovelace",
      "id": "0194c101-aca0-7005-8000-0000001c9543",
      "lastName": "Lovelace",
      "leadScore": null,
      "leadSource": null,
      "lifecycleStage": "lead",
      "linkedInUrl": null,
      "mobile": null,
      "notes": null,
      "ownerId": null,
      "phone": null,
      "postalCode": null,
      "state": null,
      "tags": null,
      "tenantId": "0194c101-aca0-7000-8000-000000170d32",
      "title": null,
      "twitterHandle": null,
      "updatedAt": "2025-02-01T10:15:00.000005Z"
    }
    "#);
    let id = answer.value()["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("Location"), at(&id));
    assert_eq!(answer.header("Content-Type"), "application/json");
    assert_eq!(answer.body, api.get(&at(&id)).send().body);
}

#[test]
fn members_are_written_in_the_order_of_the_model() {
    let api = Api::new();
    let body = api.post(CONTACTS, ADA).send().is(201).body;
    let names = body.split('"').skip(1).step_by(2).filter(|name| body.contains(&format!("\"{name}\":")));
    let names: Vec<&str> = names.collect();
    assert_eq!(names[..7], ["id", "tenantId", "firstName", "lastName", "fullName", "email", "phone"]);
    assert_eq!(names.last(), Some(&"updatedAt"));
}

#[test]
fn both_forms_of_a_path_are_one() {
    let api = Api::new();
    let created = api.post("/api/contacts", ADA).send().is(201);
    let id = created.value()["id"].as_str().unwrap().to_owned();
    assert_eq!(created.header("Location"), format!("/api/contacts/{id}"));
    let (short, long) = (api.get(&format!("/api/contacts/{id}")).send(), api.get(&at(&id)).send());
    assert_eq!(short.body, long.body);
    assert_eq!(short.header("ETag"), long.header("ETag"));
    assert_eq!(api.get("/api/contacts").send().body, api.get(CONTACTS).send().body);
}

#[test]
fn every_verb_asks_for_a_credential_and_a_scope() {
    let api = Api::new();
    let id = api.add("ada@x.example");
    for (method, path, needs_write) in [
        (Method::GET, CONTACTS.to_owned(), false),
        (Method::GET, at(&id), false),
        (Method::POST, CONTACTS.to_owned(), true),
        (Method::PUT, at(&id), true),
        (Method::PATCH, at(&id), true),
        (Method::DELETE, at(&id), true),
        (Method::PUT, at("upsert"), true),
        (Method::POST, at("bulk"), true),
    ] {
        let anonymous = api.ask(method.clone(), &path).json(ADA).key("").send();
        assert_eq!(
            anonymous.told(),
            "401 unauthorized: the API key or token is missing, unknown, expired or revoked"
        );
        let reader = api.ask(method.clone(), &path).json(ADA).key(&api.reader).send();
        if needs_write {
            assert_eq!(reader.told(), "403 forbidden: this needs the scope write", "{method} {path}");
            assert_eq!(reader.value()["requiredScope"], "write");
        } else {
            reader.is(200);
        }
    }
    assert_eq!(api.get(CONTACTS).send().items().len(), 1, "nothing was written on the way");
}

#[test]
fn an_id_of_another_tenant_is_as_unknown_as_any() {
    let api = Api::new();
    let foreign = api.add_to("other", "ada@x.example");
    for (method, body) in
        [(Method::GET, ""), (Method::PUT, "{}"), (Method::PATCH, "{}"), (Method::DELETE, "")]
    {
        let told: Vec<String> = [foreign.as_str(), NOWHERE, "7", "upsert%20", "%00", ".."]
            .map(|id| api.ask(method.clone(), &at(id)).json(body).send().told())
            .to_vec();
        assert!(
            told.iter().all(|told| told == "404 not_found: there is no such contact"),
            "{method} {told:?}"
        );
    }
    assert_snapshot!(api.get(&at(NOWHERE)).send(), @r#"
    404
    {
      "code": "not_found",
      "detail": "there is no such contact",
      "instance": "/api/v1/contacts/0190c000-0000-7000-8000-000000000000",
      "status": 404,
      "title": "Not found",
      "traceId": "t",
      "type": "https://rally.example/problems/not_found"
    }
    "#);
}

#[test]
fn all_faults_of_a_body_are_told_at_once() {
    let api = Api::new();
    let body = json!({"firstName": 5, "email": "x", "leadScore": 101, "companyId": NOWHERE, "ownerId": "7"});
    assert_snapshot!(api.post(CONTACTS, body.to_string()).send(), @r#"
    400
    {
      "code": "validation",
      "detail": "6 fields are invalid",
      "errors": {
        "companyId": [
          "names no company"
        ],
        "email": [
          "is not an e-mail address"
        ],
        "firstName": [
          "must be a string"
        ],
        "lastName": [
          "is required"
        ],
        "leadScore": [
          "must be 0 to 100"
        ],
        "ownerId": [
          "is not an id"
        ]
      },
      "instance": "/api/v1/contacts",
      "status": 400,
      "title": "Invalid input",
      "traceId": "t",
      "type": "https://rally.example/problems/validation"
    }
    "#);
}

#[test]
fn a_reference_to_nothing_is_a_bad_one() {
    let api = Api::new();
    let body = ADA.replace('}', &format!(r#","companyId":"{NOWHERE}"}}"#));
    assert_snapshot!(api.post(CONTACTS, body).send().told(), @"400 bad_reference: companyId names no company");
}

#[test]
fn a_taken_email_is_a_duplicate_in_any_letter_case() {
    let api = Api::new();
    let first = api.post(CONTACTS, contact("A@x.example")).send().is(201);
    let second = api.post(CONTACTS, contact("a@X.example ")).send();
    assert_eq!(second.value()["existingId"], first.value()["id"]);
    assert_snapshot!(second.told(), @"400 duplicate: email is taken by another contact");
}

#[test]
fn a_change_lays_members_over_the_record() {
    let api = Api::new();
    let id = api.add("ada@x.example");
    api.clock.advance(1_000_000);
    for method in [Method::PUT, Method::PATCH] {
        let body = json!({"title": method.as_str(), "leadScore": 7}).to_string();
        let answer = api.ask(method.clone(), &at(&id)).json(body).send().is(200);
        assert_eq!(answer.value()["title"], method.as_str());
        assert_eq!(answer.value()["firstName"], "Ada");
        assert_eq!(answer.header("Location"), "");
    }
    let cleared = api.patch(&at(&id), r#"{"title":null}"#).send().is(200);
    assert_eq!(cleared.value()["title"], json!(null));
    assert_snapshot!(api.patch(&at(&id), r#"{"email":null}"#).send().told(), @"400 validation: email is required");
    assert_eq!(api.contact(&id).lead_score, Some(7));
}

#[test]
fn a_change_of_nothing_leaves_the_version() {
    let api = Api::new();
    let id = api.add("ada@x.example");
    let before = api.get(&at(&id)).send();
    api.clock.advance(1_000_000);
    let after = api.put(&at(&id), ADA).send().is(200);
    assert_eq!(after.body, before.body);
    assert_eq!(after.header("ETag"), before.header("ETag"));
}

#[test]
fn a_deleted_contact_is_gone() {
    let api = Api::new();
    let id = api.add("ada@x.example");
    let answer = api.delete(&at(&id)).send().is(200);
    assert_eq!(answer.body, format!(r#"{{"id":"{id}","deleted":true}}"#));
    assert_eq!(api.delete(&at(&id)).send().told(), "404 not_found: there is no such contact");
    assert_eq!(api.get(CONTACTS).send().is(200).body, "[]");
}

#[test]
fn an_upsert_creates_and_then_updates() {
    let api = Api::new();
    let created = api.put(&at("upsert"), ADA).send().is(201);
    let id = created.value()["id"].as_str().unwrap().to_owned();
    assert_eq!(created.header("Location"), at(&id));
    let updated = api.put(&at("upsert"), r#"{"email":"ADA@x.example","title":"Countess"}"#).send().is(200);
    assert_eq!((&updated.value()["id"], updated.header("Location")), (&json!(id), ""));
    assert_eq!(updated.value()["title"], "Countess");
    assert_snapshot!(api.put(&at("upsert"), r#"{"title":"Countess"}"#).send().told(), @"400 validation: email is required; firstName is required; lastName is required");
}

#[test]
fn a_bulk_applies_the_good_items() {
    let api = Api::new();
    let (good, bad) = (contact("a@x.example"), r#"{"email":"x"}"#);
    let answer = api.post(&at("bulk"), format!("[{good},{bad},{good}]")).send();
    assert_snapshot!(answer, @r#"
    200
    {
      "created": 1,
      "failed": 2,
      "results": [
        {
          "id": "0194c101-aca0-7005-8000-0000001c9543",
          "index": 0,
          "status": 201
        },
        {
          "error": {
            "code": "validation",
            "detail": "3 fields are invalid",
            "errors": {
              "email": [
                "is not an e-mail address"
              ],
              "firstName": [
                "is required"
              ],
              "lastName": [
                "is required"
              ]
            },
            "status": 400,
            "title": "Invalid input",
            "type": "https://rally.example/problems/validation"
          },
          "index": 1,
          "status": 400
        },
        {
          "error": {
            "code": "duplicate",
            "detail": "another contact has this email",
            "errors": {
              "email": [
                "is taken by another contact"
              ]
            },
            "existingId": "0194c101-aca0-7005-8000-0000001c9543",
            "status": 400,
            "title": "Duplicate record",
            "type": "https://rally.example/problems/duplicate"
          },
          "index": 2,
          "status": 400
        }
      ]
    }
    "#);
    assert_eq!(api.get(CONTACTS).send().items().len(), 1);
    api.post(&at("bulk"), format!("[{}]", contact("b@x.example"))).send().is(201);
}

#[test]
fn an_atomic_bulk_applies_all_or_nothing() {
    let api = Api::new();
    let items = format!("[{},{}]", contact("a@x.example"), r#"{"email":"x"}"#);
    assert_snapshot!(api.post(&at("bulk?atomic=true"), items).send().told(), @"400 validation: items[1].email is not an e-mail address; items[1].firstName is required; items[1].lastName is required");
    assert_eq!(api.get(CONTACTS).send().body, "[]");
    assert_snapshot!(api.post(&at("bulk?atomic=1"), "[]").send().told(), @"400 validation: atomic must be true or false");
}

#[test]
fn a_bulk_has_1_to_100_items() {
    let api = Api::new();
    let items = |count: usize| {
        let items: Vec<String> = (0..count).map(|n| contact(&format!("{n}@x.example"))).collect();
        format!("[{}]", items.join(","))
    };
    assert_snapshot!(api.post(&at("bulk"), items(0)).send().told(), @"400 validation: items must be 1 to 100");
    assert_snapshot!(api.post(&at("bulk"), items(101)).send().told(), @"400 validation: items must be 1 to 100");
    assert_snapshot!(api.post(&at("bulk"), ADA).send().told(), @"400 validation: the body must be a JSON array");
    assert_eq!(api.get(CONTACTS).send().body, "[]");
    api.post(&at("bulk"), items(100)).send().is(201);
}

#[test]
fn a_list_pages_and_names_its_neighbours() {
    let api = Api::new();
    let ids: Vec<String> = (0..5).map(|n| api.add(&format!("{n}@x.example"))).collect();
    let answer = api.get(&format!("{CONTACTS}?limit=2&offset=2&count=true&fields=id")).send().is(200);
    assert_eq!(answer.body, format!(r#"[{{"id":"{}"}},{{"id":"{}"}}]"#, ids[2], ids[3]));
    assert_eq!(answer.header("X-Total-Count"), "5");
    let links = answer.header("Link").replace(&ids[3], "<last>");
    assert_snapshot!(links, @r#"</api/v1/contacts?limit=2&count=true&fields=id&offset=0>; rel="first", </api/v1/contacts?limit=2&count=true&fields=id&offset=0>; rel="prev", </api/v1/contacts?limit=2&count=true&fields=id&after=<last>>; rel="next""#);
    let last = api.get("/api/contacts?limit=2&offset=4").send().is(200);
    assert_snapshot!(last.header("Link"), @r#"</api/contacts?limit=2&offset=0>; rel="first", </api/contacts?limit=2&offset=2>; rel="prev""#);
    assert_eq!(last.header("X-Total-Count"), "");
    assert_eq!(api.get(&format!("{CONTACTS}?limit=5")).send().header("Link").matches("next").count(), 0);
    assert_eq!(api.get(&format!("{CONTACTS}?offset=9223372036854775807")).send().is(200).body, "[]");
}

#[test]
fn following_next_visits_each_once() {
    let api = Api::new();
    let ids: Vec<String> = (0..7).map(|n| api.add(&format!("{n}@x.example"))).collect();
    let (mut path, mut seen) = (format!("{CONTACTS}?limit=3&fields=id"), Vec::new());
    loop {
        let page = api.get(&path).send().is(200);
        seen.extend(page.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let next =
            page.header("Link").split(", ").find(|link| link.ends_with("rel=\"next\"")).map(str::to_owned);
        let Some(next) = next else { break };
        path = next.split(['<', '>']).nth(1).unwrap().to_owned();
    }
    assert_eq!(seen, ids);
}

#[test]
fn updated_since_is_strictly_after() {
    let api = Api::new();
    let ids = ["a@x.example", "b@x.example"].map(|email| api.add(email));
    let first = api.contact(&ids[0]).updated_at.to_string();
    let list =
        |since: &str| api.get(&format!("{CONTACTS}?updatedSince={since}&fields=email")).send().is(200).body;
    assert_eq!(list(&first), r#"[{"email":"b@x.example"}]"#);
    let all = list("2025-02-01T10:15:00Z");
    assert_eq!(list("2025-02-01T11:15:00+01:00"), all, "a plus sign is a space there");
    api.put(&at(&ids[0]), r#"{"title":"x"}"#).send().is(200);
    assert_eq!(list(&first), r#"[{"email":"b@x.example"},{"email":"a@x.example"}]"#);
}

#[test]
fn fields_are_those_named_in_the_order_of_the_model() {
    let api = Api::new();
    let id = api.add("ada@x.example");
    let fields = |list: &str| api.get(&format!("{}?fields={list}", at(&id))).send().is(200).body;
    assert_eq!(fields("email,fullName"), r#"{"fullName":"Ada Lovelace","email":"ada@x.example"}"#);
    assert_eq!(fields("%20email%20,,nonsense"), r#"{"email":"ada@x.example"}"#);
    assert_eq!(fields("nonsense"), "{}");
    assert_eq!(fields(""), api.get(&at(&id)).send().body);
}

#[test]
fn a_strict_tenant_is_told_of_what_is_not_known() {
    let api = Api::strict();
    let id = api.add("ada@x.example");
    let body = ADA.replace('}', r#","fullName":"x","nonsense":1}"#);
    assert_snapshot!(api.post(CONTACTS, body).send().told(), @"400 validation: fullName is read-only; nonsense is not a member");
    assert_snapshot!(api.get(&format!("{CONTACTS}?fields=nonsense&page=2")).send().told(), @r#"400 validation: fields names "nonsense", which is not a member; page is not a parameter here"#);
    assert_snapshot!(api.get(&format!("{}?limit=2", at(&id))).send().told(), @"400 validation: limit is not a parameter here");
    assert_snapshot!(api.post(&format!("{CONTACTS}?x=1"), ADA).send().told(), @"400 validation: x is not a parameter here");
    assert_snapshot!(api.delete(&format!("{}?x=1", at(&id))).send().told(), @"400 validation: x is not a parameter here");
}

#[test]
fn parameters_out_of_bounds_are_named() {
    let api = Api::new();
    let told = |query: &str| api.get(&format!("{CONTACTS}?{query}")).send().told();
    assert_snapshot!(told("limit=0"), @"400 validation: limit must be a whole number from 1 to 100");
    assert_snapshot!(told("limit=101&offset=-1"), @"400 validation: limit must be a whole number from 1 to 100; offset must be a whole number from 0 to 9223372036854775807");
    assert_snapshot!(told("limit=ten"), @"400 validation: limit must be a whole number from 1 to 100");
    assert_snapshot!(told("offset=9223372036854775808"), @"400 validation: offset must be a whole number from 0 to 9223372036854775807");
    assert_snapshot!(told("updatedSince=yesterday&count=maybe"), @"400 validation: count must be true or false; updatedSince must be a date-time such as 2025-02-01T10:15:00Z, or a date");
    assert_snapshot!(told("limit=1&limit=2"), @"400 validation: limit is given twice");
    assert_snapshot!(told("fields=%ff"), @"400 validation: fields is not UTF-8");
}

#[test]
fn bodies_that_are_no_contact_are_named() {
    let api = Api::new();
    let told = |body: &str| api.post(CONTACTS, body.to_owned()).send().told();
    let with = |member: &str| ADA.replace('}', &format!(",{member}}}"));
    assert_snapshot!(told(""), @"400 malformed_json: the body is not JSON: EOF while parsing a value at line 1 column 0");
    assert_snapshot!(told("not json"), @"400 malformed_json: the body is not JSON: expected ident at line 1 column 2");
    assert_snapshot!(told("[1]"), @"400 validation: the body must be a JSON object");
    assert_snapshot!(told("null"), @"400 validation: the body must be a JSON object");
    assert_snapshot!(told(&format!("\u{feff}{ADA}")), @"400 malformed_json: the body begins with a byte order mark; send it without");
    assert_snapshot!(told(&with(r#""title":7"#)), @"400 validation: title must be a string");
    assert_snapshot!(told(&with(r#""title":"a\u0000b""#)), @"400 validation: title holds a control character other than tab and line breaks");
    assert_snapshot!(told(&with(r#""title":"\ud800""#)), @"400 validation: title holds half of a surrogate pair");
    assert_snapshot!(told(&with(&format!(r#""notes":"{}""#, "x".repeat(65_537)))), @"400 validation: notes must not be longer than 65536 bytes");
    assert_snapshot!(told(&contact("x.example")), @"400 validation: email is not an e-mail address");
    api.post(CONTACTS, with(&format!(r#""notes":"{}""#, "x".repeat(65_536)))).send().is(201);
}

#[test]
fn nesting_has_an_end() {
    let api = Api::new();
    let nested = "[".repeat(10_000) + &"]".repeat(10_000);
    assert_snapshot!(api.post(CONTACTS, nested.clone()).send().told(), @"400 validation: the body must be a JSON object");
    assert_snapshot!(api.post(&at("bulk"), nested.clone()).send(), @r#"
    200
    {
      "created": 0,
      "failed": 1,
      "results": [
        {
          "error": {
            "code": "validation",
            "detail": "the item must be a JSON object",
            "status": 400,
            "title": "Invalid input",
            "type": "https://rally.example/problems/validation"
          },
          "index": 0,
          "status": 400
        }
      ]
    }
    "#);
    assert_snapshot!(api.post(CONTACTS, ADA.replace('}', &format!(r#","title":{nested}}}"#))).send().told(), @"400 validation: title must be a string");
    let unknown = api.post(CONTACTS, ADA.replace('}', &format!(r#","x":{nested}}}"#))).send();
    assert!(unknown.status.as_u16() < 500, "{unknown}");
}

#[test]
fn a_body_may_be_as_large_as_the_limit() {
    let api = Api::new();
    let padded = |size: usize, text: &str| format!("{text}{}", " ".repeat(size - text.len()));
    api.post(CONTACTS, padded(limits::BODY_BYTES, ADA)).send().is(201);
    assert_snapshot!(api.post(CONTACTS, padded(limits::BODY_BYTES + 1, ADA)).send().told(), @"413 payload_too_large: the body must not be larger than 1048576 bytes");
    let item = format!("[{}]", contact("b@x.example"));
    api.post(&at("bulk"), padded(limits::BULK_BODY_BYTES, &item)).send().is(201);
    assert_snapshot!(api.post(&at("bulk"), padded(limits::BULK_BODY_BYTES + 1, &item)).send().told(), @"413 payload_too_large: the body must not be larger than 8388608 bytes");
}

#[test]
fn a_contact_has_at_most_50_tags() {
    let api = Api::new();
    let tags = |count: usize| {
        let tags: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        api.post(CONTACTS, ADA.replace('}', &format!(r#","tags":"{}"}}"#, tags.join(",")))).send()
    };
    assert_snapshot!(tags(51).told(), @"400 validation: tags must not have more than 50 tags");
    assert_eq!(tags(50).is(201).value()["tags"].as_str().unwrap().split(',').count(), 50);
}
