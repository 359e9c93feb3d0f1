use rally_core::{
    Code, Company, CompanyChange, CompanyDraft, Decimal, Error, Json, Outcome, Patch, Scope, WriteOptions,
};
use serde_json::{Value, json};

use crate::support::{
    World, add, bytes, create, lines, listed, read, report, tenant, text, update, upsert, with,
};

fn full() -> Value {
    json!({
        "name": " Acme ", "domain": "https://www.Acme.Example/path", "industry": "Anvils", "description": "Makes\nanvils",
        "employeeCount": 12, "annualRevenue": 1200.5, "phone": "1", "website": "https://acme.example/", "linkedInUrl":
        "https://x.example/acme", "address": "1 Desert Road", "city": "Tucson", "state": "AZ", "country": "US",
        "postalCode": "85701", "tags": ["b", " a ", "", "b"], "notes": "steady",
    })
}

#[test]
fn a_company_comes_back_with_every_member_in_the_documented_order() {
    let world = World::new();
    let owner = add(world.acme.users(), &json!({"email": "o@x.example", "name": "Olga"}));
    let written = create(world.acme.companies(), &with(full(), &json!({"ownerId": owner}))).unwrap();
    assert_eq!(written.outcome, Outcome::Created);
    insta::assert_snapshot!(lines(&written.row), @r#"
    "id":"0194c101-aca0-7003-bafe-ad4166f9e086"
    "tenantId":"0194c101-aca0-7000-b5c3-4c96793872d8"
    "name":"Acme"
    "domain":"acme.example"
    "industry":"Anvils"
    "description":"Makes\nanvils"
    "employeeCount":12
    "annualRevenue":1200.5
    "phone":"1"
    "website":"https://acme.example/"
    "linkedInUrl":"https://x.example/acme"
    "address":"1 Desert Road"
    "city":"Tucson"
    "state":"AZ"
    "country":"US"
    "postalCode":"85701"
    "tags":["b","a"]
    "notes":"steady"
    "ownerId":"0194c101-aca0-7001-9859-d4265eb01788"
    "createdAt":"2025-02-01T10:15:00.000003Z"
    "updatedAt":"2025-02-01T10:15:00.000003Z"
    "#);
    assert_eq!(text(&written.row), text(&world.acme.companies().get(written.row.id()).unwrap()));
}

#[test]
fn members_without_a_value_are_null() {
    let world = World::new();
    let row = create(world.acme.companies(), &json!({"name": "Acme"})).unwrap().row;
    let nulls = lines(&row).lines().filter(|line| line.ends_with(":null")).count();
    assert_eq!(nulls, 16, "{}", lines(&row));
}

#[test]
fn all_faults_of_a_body_are_reported_at_once() {
    let world = World::new();
    let tags: Vec<String> = (0..51).map(|number| number.to_string()).collect();
    let body = json!({
        "name": " ", "domain": "acme", "industry": "x".repeat(256), "description": "x".repeat(65_537),
        "employeeCount": -1, "annualRevenue": "1", "phone": "a\u{0}b", "website": "acme.example", "linkedInUrl": 7,
        "address": 7, "tags": tags, "notes": ["x"], "ownerId": "7",
    });
    let error = world.refused(|| create(world.acme.companies(), &body));
    insta::assert_snapshot!(report(&error), @"
    validation
    address must be a string
    annualRevenue must be a number
    description must not be longer than 65536 bytes
    domain must be a domain, such as acme.example
    employeeCount must be 0 to 1000000000000
    industry must not be longer than 255 characters
    linkedInUrl must be a string
    name must not be empty
    notes must be a string
    ownerId is not an id
    phone holds a control character other than tab and line breaks
    tags must not have more than 50 tags
    website is not a URL that begins with https:// or http://
    ");
    let body = json!({"name": "Acme", "tags": ["a", 7, null]});
    assert_eq!(
        report(&world.refused(|| create(world.acme.companies(), &body))),
        "validation
tags[1] must be a string
tags[2] must be a string"
    );
    let body = json!({"name": "Acme", "tags": tags});
    assert_eq!(
        report(&world.refused(|| create(world.acme.companies(), &body))),
        "validation
tags must not have more than 50 tags"
    );
}

#[test]
fn limits_are_exact() {
    let world = World::new();
    let fits = |member: &str, value: Value| {
        let body = with(json!({"name": "Acme"}), &json!({member: value}));
        create(world.acme.companies(), &body).is_ok()
    };
    for (member, most) in [("name", 255), ("industry", 255), ("description", 65_536), ("notes", 65_536)] {
        assert!(fits(member, "x".repeat(most).into()), "{member}");
        assert!(!fits(member, "x".repeat(most + 1).into()), "{member}");
    }
    let tags = |count: usize, length: usize| {
        Value::from((0..count).map(|number| format!("{number:0>length$}")).collect::<Vec<_>>())
    };
    assert!(fits("tags", tags(50, 64)));
    assert!(!fits("tags", tags(51, 1)) && !fits("tags", tags(1, 65)));
    assert!(fits("employeeCount", 1_000_000_000_000_u64.into()));
    assert!(!fits("employeeCount", 1_000_000_000_001_u64.into()));
}

#[test]
fn revenue_keeps_its_digits() {
    let world = World::new();
    for digits in ["0.10", "1234567890123456789012345678", "-0.0000000000000000000000000001"] {
        let body = format!(r#"{{"name":"Acme","annualRevenue":{digits}}}"#);
        let row = world.acme.companies().create(&Json(body.as_bytes())).unwrap().row;
        assert!(text(&row).contains(&format!("\"annualRevenue\":{digits},")), "{}", text(&row));
    }
}

#[test]
fn a_domain_is_unique_however_it_is_spelt() {
    let world = World::new();
    let companies = world.acme.companies();
    let acme = add(companies, &json!({"name": "Acme", "domain": "acme.example"}));
    let other = add(companies, &json!({"name": "Other", "domain": "other.example"}));
    for domain in
        ["acme.example", "ACME.example.", "https://www.Acme.Example/path", "http://acme.example:80?x"]
    {
        let body = json!({"name": "Acme", "domain": domain});
        for error in
            [world.refused(|| create(companies, &body)), world.refused(|| update(companies, other, &body))]
        {
            assert_eq!(report(&error), "duplicate\ndomain is taken by another company");
            assert_eq!(error.existing_id(), Some(acme.as_uuid()));
        }
    }
    add(companies, &json!({"name": "Sub", "domain": "sub.acme.example"}));
    assert_eq!(
        update(companies, acme, &json!({"domain": "www.acme.example"})).unwrap().outcome,
        Outcome::Unchanged
    );
    update(companies, acme, &json!({"domain": null})).unwrap();
    add(companies, &json!({"name": "Acme", "domain": "acme.example"}));
}

#[test]
fn companies_without_a_domain_are_never_duplicates() {
    let world = World::new();
    for _ in 0..2 {
        add(world.acme.companies(), &json!({"name": "Acme"}));
    }
}

#[test]
fn an_update_merges_and_null_clears() {
    let world = World::new();
    let companies = world.acme.companies();
    let id = add(companies, &full());
    world.clock.advance(1_000_000);
    let change = json!({"domain": null, "tags": null, "annualRevenue": null, "city": "Yuma"});
    assert_eq!(update(companies, id, &change).unwrap().outcome, Outcome::Updated);
    let company = read(companies, id);
    assert_eq!((company.domain, company.tags, company.annual_revenue), (None, None, None));
    assert_eq!((company.city.as_deref(), company.name.as_str()), (Some("Yuma"), "Acme"));
    assert!(company.created_at < company.updated_at);
    let error = world.refused(|| update(companies, id, &json!({"name": null, "employeeCount": 1.5})));
    assert_eq!(report(&error), "validation\nemployeeCount must be a whole number\nname is required");
}

#[test]
fn a_write_that_changes_nothing_leaves_no_trace() {
    let world = World::new();
    let companies = world.acme.companies();
    let id = add(companies, &full());
    for body in [
        json!({}),
        full(),
        json!({"domain": "acme.example"}),
        json!({"tags": ["b", "a"]}),
        json!({"annualRevenue": 1200.5}),
        json!({"ownerId": null}),
    ] {
        let written = world.without_trace(|| update(companies, id, &body));
        assert_eq!(written.unwrap().outcome, Outcome::Unchanged, "{body}");
    }
}

#[test]
fn upsert_creates_then_updates_by_domain() {
    let world = World::new();
    let companies = world.acme.companies();
    let created = upsert(companies, &json!({"name": "Acme", "domain": "acme.example"})).unwrap();
    assert_eq!(created.outcome, Outcome::Created);
    let updated = upsert(companies, &json!({"domain": "https://WWW.acme.example/", "city": "Yuma"})).unwrap();
    assert_eq!((updated.outcome, updated.row.id()), (Outcome::Updated, created.row.id()));
    assert_eq!(updated.read().unwrap().name, "Acme");
    let same = world.without_trace(|| upsert(companies, &json!({"domain": "acme.example"})));
    assert_eq!(same.unwrap().outcome, Outcome::Unchanged);
    let faults = |body: Value| report(&world.refused(|| upsert(companies, &body)));
    assert_eq!(faults(json!({"name": "Acme"})), "validation\ndomain is required for an upsert");
    assert_eq!(
        faults(json!({"name": "Acme", "domain": null})),
        "validation\ndomain is required for an upsert"
    );
    assert_eq!(faults(json!({"domain": "new.example"})), "validation\nname is required");
    assert_eq!(
        faults(json!({"domain": "acme"})),
        "validation
domain must be a domain, such as acme.example
name is required"
    );
}

#[test]
fn read_only_and_unknown_members_are_passed_over_as_documented_and_refused_when_strict() {
    let body =
        json!({"name": "Acme", "id": "x", "tenantId": 7, "createdAt": 1, "updatedAt": null, "motto": "C"});
    let world = World::new();
    let company: Company = create(world.acme.companies(), &body).unwrap().read().unwrap();
    assert_eq!(company.tenant_id, world.acme.tenant().id);
    let strict = World::strict();
    let error = strict.refused(|| create(strict.acme.companies(), &body));
    assert_eq!(
        report(&error),
        "validation
createdAt is read-only
id is read-only
motto is not a member
tenantId is read-only
updatedAt is read-only"
    );
}

#[test]
fn a_bulk_keeps_the_first_of_two_spellings_of_one_domain() {
    let world = World::new();
    let items = json!([
        {"name": "A", "domain": "acme.example"},
        {"name": "B", "domain": "www.ACME.example"},
        {"name": "C"},
        {"domain": "c.example"},
    ]);
    let send =
        |atomic| world.acme.companies().create_many(&Json(&bytes(&items)), atomic, &WriteOptions::default());
    let error = world.refused(|| send(true));
    assert_eq!(
        report(&error),
        "duplicate
items[1].domain is taken by another company
items[3].name is required"
    );
    let bulk = send(false).unwrap();
    let codes: Vec<_> =
        bulk.items.iter().map(|item| item.as_ref().map(|_| ()).map_err(Error::code)).collect();
    assert_eq!(codes, [Ok(()), Err(Code::Duplicate), Ok(()), Err(Code::Validation)]);
    assert_eq!(listed(world.acme.companies(), &[("count", "true")]).unwrap().total, Some(2));
}

#[test]
fn another_tenants_company_is_as_unknown_as_a_random_one() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    let theirs = add(other.companies(), &full());
    let random = "0191e3a2-9f00-7abc-8def-0123456789ab".parse().unwrap();
    let errors = |id| {
        let companies = world.acme.companies();
        [
            format!("{:?}", companies.get(id).unwrap_err()),
            format!("{:?}", world.refused(|| update(companies, id, &json!({"city": "Yuma"})))),
            format!("{:?}", world.refused(|| companies.delete(id))),
        ]
    };
    assert_eq!(errors(theirs), errors(random));
    assert!(errors(theirs)[0].contains("there is no such company"));
    add(world.acme.companies(), &full());
}

#[test]
fn writing_takes_the_scope_write() {
    let world = World::new();
    let id = add(world.acme.companies(), &full());
    let reader = world.acme.clone().limited_to(Scope::Read);
    let companies = reader.companies();
    companies.get(id).unwrap();
    for error in [
        create(companies, &full()).unwrap_err(),
        update(companies, id, &json!({})).unwrap_err(),
        upsert(companies, &full()).unwrap_err(),
        companies.delete(id).unwrap_err(),
        companies.create_many(&Json(b"[]"), false, &WriteOptions::default()).unwrap_err(),
    ] {
        assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Write)));
    }
}

#[test]
fn typed_drafts_and_changes_say_what_their_json_says() {
    let world = World::new();
    let companies = world.acme.companies();
    let revenue: Decimal = "10.50".parse().unwrap();
    let draft = CompanyDraft {
        name: "Acme".into(),
        annual_revenue: Some(revenue),
        tags: Some(vec!["a".into()]),
        ..CompanyDraft::default()
    };
    let acme = companies.create(&draft).unwrap().read().unwrap();
    assert_eq!(acme.annual_revenue.map(|revenue| revenue.to_string()).as_deref(), Some("10.50"));
    let change =
        CompanyChange { annual_revenue: Patch::Clear, city: "Yuma".into(), ..CompanyChange::default() };
    let acme = companies.update(acme.id, &change).unwrap().read().unwrap();
    assert_eq!((acme.annual_revenue, acme.city.as_deref()), (None, Some("Yuma")));
    assert_eq!(acme.tags, Some(vec!["a".to_owned()]));
}
