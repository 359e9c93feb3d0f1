//! `/companies` and what is below it.

use insta::assert_snapshot;
use serde_json::json;

use crate::{
    resources::{COMPANIES, Resource},
    support::{World, with},
};

const PATH: &str = "/api/v1/companies";
const MILLS: &str = r#"{"name":"Mills","domain":"mills.example"}"#;

#[test]
fn a_company_is_created() {
    let world = World::new();
    assert_snapshot!(world.post(PATH, &COMPANIES.wholes[0].replace('#', "")).send(), @r#"
    201
    {
      "address": "Mill Road 1",
      "annualRevenue": 1200000.5,
      "city": "Manchester",
      "country": "UK",
      "createdAt": "2025-02-01T10:15:00.000013Z",
      "description": "Looms",
      "domain": "mills.example",
      "employeeCount": 1834,
      "id": "0194c101-aca0-700d-8000-0000007f8ef8",
      "industry": "Cotton",
      "linkedInUrl": "https://x.example/mills",
      "name": "Mills",
      "notes": "Soot",
      "ownerId": "0194c101-aca0-7007-8000-00000032dc86",
      "phone": "1",
      "postalCode": "M1",
      "state": "Lancashire",
      "tags": [
        "steam",
        "looms, power"
      ],
      "tenantId": "0194c101-aca0-7000-8000-000000170d32",
      "updatedAt": "2025-02-01T10:15:00.000013Z",
      "website": "https://mills.example"
    }
    "#);
}

#[test]
fn a_company_that_is_little_known_has_nulls() {
    let world = World::new();
    assert_snapshot!(world.post(PATH, r#"{"name":" Mills "}"#).send().is(201).body, @r#"{"id":"0194c101-aca0-700d-8000-0000007f8ef8","tenantId":"0194c101-aca0-7000-8000-000000170d32","name":"Mills","domain":null,"industry":null,"description":null,"employeeCount":null,"annualRevenue":null,"phone":null,"website":null,"linkedInUrl":null,"address":null,"city":null,"state":null,"country":null,"postalCode":null,"tags":null,"notes":null,"ownerId":null,"createdAt":"2025-02-01T10:15:00.000013Z","updatedAt":"2025-02-01T10:15:00.000013Z"}"#);
}

#[test]
fn decimals_come_back_with_exactly_the_digits_that_were_sent() {
    let world = World::new();
    for sent in [
        "10.00",
        "0.1",
        "0",
        "-12.50",
        "9999999999999999999999999999",
        "0.1234567890123456789012345678",
        "12345678901234.56789012345678",
    ] {
        let created = world.post(PATH, &format!(r#"{{"name":"x","annualRevenue":{sent}}}"#)).send().is(201);
        let expected = format!(r#""annualRevenue":{sent},"#);
        assert!(created.body.contains(&expected), "{sent}: {}", created.body);
        let one = world.get(&format!("{PATH}/{}?fields=annualRevenue", created.id())).send();
        assert_eq!(one.body, format!(r#"{{"annualRevenue":{sent}}}"#));
        assert!(world.get(PATH).send().body.contains(&expected), "{sent}");
    }
}

#[test]
fn what_is_wrong_with_a_member_is_told_and_nothing_is_applied() {
    let world = World::new();
    let company = world.post(PATH, MILLS).send().is(201);
    let (count, mut all) = (world.get(PATH).send().items().len(), String::new());
    for (member, value) in [
        ("annualRevenue", "10000000000000000000000000000"),
        ("annualRevenue", "0.00000000000000000000000000001"),
        ("annualRevenue", "\"10\""),
        ("employeeCount", "-1"),
        ("employeeCount", "1.5"),
        ("employeeCount", "1000000000001"),
        ("domain", "\"no domain\""),
        ("website", "\"x.example\""),
        ("linkedInUrl", "\"ftp://x.example\""),
        ("tags", "\"a,b\""),
        ("tags", "[1]"),
        ("ownerId", "\"x\""),
        ("name", "\" \""),
        ("notes", "\"\\u0000\""),
    ] {
        let body = format!(r#"{{"{member}":{value}}}"#);
        let changed = world.patch(&format!("{PATH}/{}", company.id()), &body).send().told();
        let named = if member == "name" { "{" } else { r#"{"name":"x","# };
        assert_eq!(world.post(PATH, &body.replacen('{', named, 1)).send().told(), changed);
        all += &format!("{value}: {changed}\n");
    }
    assert_snapshot!(all, @r#"
    10000000000000000000000000000: 400 validation: annualRevenue must not have more than 28 digits
    0.00000000000000000000000000001: 400 validation: annualRevenue must not have more than 28 digits
    "10": 400 validation: annualRevenue must be a number
    -1: 400 validation: employeeCount must be 0 to 1000000000000
    1.5: 400 validation: employeeCount must be a whole number
    1000000000001: 400 validation: employeeCount must be 0 to 1000000000000
    "no domain": 400 validation: domain must be a domain, such as acme.example
    "x.example": 400 validation: website is not a URL that begins with https:// or http://
    "ftp://x.example": 400 validation: linkedInUrl is not a URL that begins with https:// or http://
    "a,b": 400 validation: tags must be an array
    [1]: 400 validation: tags[0] must be a string
    "x": 400 validation: ownerId is not an id
    " ": 400 validation: name must not be empty
    "\u0000": 400 validation: notes holds a control character other than tab and line breaks
    "#);
    assert_eq!(world.get(PATH).send().items().len(), count);
    assert_eq!(world.get(&format!("{PATH}/{}", company.id())).send().body, company.body);
}

#[test]
fn a_company_has_at_most_50_tags_of_at_most_64_characters() {
    let world = World::new();
    let tags = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
    let created = world.post(PATH, &with(MILLS, "tags", tags(50))).send().is(201);
    assert_eq!(created.value()["tags"], json!(tags(50)));
    assert_snapshot!(world.post(PATH, &with(r#"{"name":"x"}"#, "tags", tags(51))).send().told(), @"400 validation: tags must not have more than 50 tags");
    world.post(PATH, &with(r#"{"name":"x"}"#, "tags", vec!["é".repeat(64)])).send().is(201);
    assert_snapshot!(world.post(PATH, &with(r#"{"name":"x"}"#, "tags", vec!["é".repeat(65)])).send().told(), @"400 validation: tags has a tag longer than 64 characters");
    let tidied = world.post(PATH, &with(r#"{"name":"x"}"#, "tags", vec![" b ", "", "a", "b"])).send().is(201);
    assert_eq!(tidied.value()["tags"], json!(["b", "a"]));
}

#[test]
fn a_taken_domain_is_a_duplicate_in_whatever_form_it_comes() {
    let world = World::new();
    let first =
        world.post(PATH, r#"{"name":"Mills","domain":"https://WWW.Mills.example./about?x"}"#).send().is(201);
    assert_eq!(first.value()["domain"], "mills.example");
    let other = world.post(PATH, r#"{"name":"Other","domain":"other.example"}"#).send().is(201);
    for domain in ["mills.example", "MILLS.example", "http://mills.example/", "www.mills.example."] {
        let body = with(MILLS, "domain", domain);
        let created = world.post(PATH, &body).send();
        let changed = world.patch(&format!("{PATH}/{}", other.id()), &with("{}", "domain", domain)).send();
        for refused in [created, changed] {
            assert_eq!(refused.told(), "400 duplicate: domain is taken by another company");
            assert_eq!(refused.value()["existingId"], first.id());
        }
    }
    let body = with(MILLS, "domain", "mills.example");
    world.api.post(PATH, body).key(&world.api.other).send().is(201);
    world.delete(&format!("{PATH}/{}", first.id())).send().is(200);
    world.patch(&format!("{PATH}/{}", other.id()), MILLS).send().is(200);
}

#[test]
fn an_upsert_goes_by_the_domain() {
    let world = World::new();
    let upsert = |body: &str| world.put(&format!("{PATH}/upsert"), body).send();
    let created = upsert(MILLS).is(201);
    let updated = upsert(r#"{"domain":"https://www.MILLS.example","industry":"Cotton"}"#).is(200);
    assert_eq!((updated.id(), &updated.value()["name"]), (created.id(), &json!("Mills")));
    assert_eq!(updated.value()["industry"], "Cotton");
    assert_snapshot!(upsert(r#"{"name":"Mills"}"#).told(), @"400 validation: domain is required for an upsert");
    assert_snapshot!(upsert(r#"{"name":"Mills","domain":null}"#).told(), @"400 validation: domain is required for an upsert");
    assert_snapshot!(upsert(r#"{"domain":"new.example"}"#).told(), @"400 validation: name is required");
    assert_snapshot!(upsert(r#"{"domain":"x y","employeeCount":-1}"#).told(), @"400 validation: domain must be a domain, such as acme.example; employeeCount must be 0 to 1000000000000; name is required");
}

#[test]
fn the_first_of_two_equal_domains_in_a_bulk_wins() {
    let world = World::new();
    let answer = world.post(&format!("{PATH}/bulk"), &format!("[{MILLS},{MILLS}]")).send().is(200).value();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results[1]["error"]["code"], "duplicate");
    assert_eq!(results[1]["error"]["existingId"], results[0]["id"]);
    let many = r#"[{"name":"a"},{"name":"a"}]"#;
    world.post(&format!("{PATH}/bulk"), many).send().is(201);
}

#[test]
fn a_deleted_company_is_named_by_nothing_any_more() {
    let world = World::new();
    let made = Resource::referring(&world, "companyId", "<company>");
    assert_eq!(made.len(), 3, "{made:?}");
    let last = world.get("/api/v1/sync/changes?since=2000-01-01").send().items().len();
    world.delete(&format!("{PATH}/<company>")).send().is(200);
    for path in &made {
        let record = world.get(path).send().is(200).value();
        assert_eq!(record["companyId"], json!(null), "{path}");
        assert_eq!(record.get("companyName").unwrap_or(&json!(null)), &json!(null), "{path}");
    }
    let changes = world.get("/api/v1/sync/changes?since=2000-01-01").send().items();
    let mut told: Vec<String> = changes[last..]
        .iter()
        .map(|change| {
            format!("{} {}", change["entityType"].as_str().unwrap(), change["action"].as_str().unwrap())
        })
        .collect();
    told.sort();
    assert_eq!(told, ["activity updated", "company deleted", "contact updated", "deal updated"]);
}
