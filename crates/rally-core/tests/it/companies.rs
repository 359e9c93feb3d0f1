use rally_core::{
    Atomicity, Code, Company, CompanyDraft, CompanyUpdate, Decimal, Error, Id, Patch, Query, Scope, Tags,
    UserDraft, WriteOptions, WriteOutcome,
};
use serde_json::{Value, json};

use crate::support::{World, create_json, lines, report, tenant, text, update_json, upsert_json, with};

/// A company with all members but its owner.
fn full() -> CompanyDraft {
    CompanyDraft::new(" Acme ")
        .domain("https://www.Acme.Example/path")
        .industry("Anvils")
        .description("Makes\nanvils")
        .employee_count(12)
        .annual_revenue(decimal("1200.5"))
        .phone("1")
        .website("https://acme.example/")
        .linked_in_url("https://x.example/acme")
        .address("1 Desert Road")
        .city("Tucson")
        .state("AZ")
        .country("US")
        .postal_code("85701")
        .tags(["b", " a ", "", "b"])
        .notes("steady")
}

/// The same as JSON.
fn full_json() -> Value {
    json!({
        "name": " Acme ", "domain": "https://www.Acme.Example/path", "industry": "Anvils", "description": "Makes\nanvils",
        "employeeCount": 12, "annualRevenue": 1200.5, "phone": "1", "website": "https://acme.example/", "linkedInUrl":
        "https://x.example/acme", "address": "1 Desert Road", "city": "Tucson", "state": "AZ", "country": "US",
        "postalCode": "85701", "tags": ["b", " a ", "", "b"], "notes": "steady",
    })
}

fn acme(domain: &str) -> CompanyDraft {
    CompanyDraft::new("Acme").domain(domain)
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[test]
fn a_company_comes_back_with_every_member_in_the_documented_order() {
    let world = World::new();
    let owner = world.acme.users().create(&UserDraft::new("o@x.example", "Olga")).unwrap().id;
    let body = with(full_json(), &json!({"ownerId": owner}));
    let written = create_json(world.acme.companies(), &body).unwrap();
    assert_eq!(written.outcome, WriteOutcome::Created);
    insta::assert_snapshot!(lines(&written.record), @r#"
    "id":"0194c101-aca0-7003-8000-0000002bfab5"
    "tenantId":"0194c101-aca0-7000-8000-000000170d32"
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
    "ownerId":"0194c101-aca0-7001-8000-000000216750"
    "createdAt":"2025-02-01T10:15:00.000003Z"
    "updatedAt":"2025-02-01T10:15:00.000003Z"
    "#);
    let read = world.acme.companies().json().get(written.record.id()).unwrap();
    assert_eq!(text(&written.record), text(&read));
}

#[test]
fn members_without_a_value_are_null() {
    let world = World::new();
    let id = world.acme.companies().create(&CompanyDraft::new("Acme")).unwrap().id;
    let row = world.acme.companies().json().get(id).unwrap();
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
    let error = world.refused(|| create_json(world.acme.companies(), &body));
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
        report(&world.refused(|| create_json(world.acme.companies(), &body))),
        "validation
tags[1] must be a string
tags[2] must be a string"
    );
    let body = json!({"name": "Acme", "tags": tags});
    assert_eq!(
        report(&world.refused(|| create_json(world.acme.companies(), &body))),
        "validation
tags must not have more than 50 tags"
    );
}

/// A draft with a text in one of its members.
type OfText = fn(String) -> CompanyDraft;

#[test]
fn limits_are_exact() {
    let world = World::new();
    let fits = |draft: CompanyDraft| world.acme.companies().create(&draft).is_ok();
    let texts: [(usize, OfText); 4] = [
        (255, |text| CompanyDraft::new(text)),
        (255, |text| CompanyDraft::new("Acme").industry(text)),
        (65_536, |text| CompanyDraft::new("Acme").description(text)),
        (65_536, |text| CompanyDraft::new("Acme").notes(text)),
    ];
    for (place, (limit, draft)) in texts.into_iter().enumerate() {
        assert!(fits(draft("x".repeat(limit))), "{place}");
        assert!(!fits(draft("x".repeat(limit + 1))), "{place}");
    }
    let tags = |count: usize, length: usize| {
        let tags: Tags = (0..count).map(|number| format!("{number:0>length$}")).collect();
        CompanyDraft::new("Acme").tags(tags)
    };
    assert!(fits(tags(50, 64)));
    assert!(!fits(tags(51, 1)) && !fits(tags(1, 65)));
    assert!(fits(CompanyDraft::new("Acme").employee_count(1_000_000_000_000)));
    assert!(!fits(CompanyDraft::new("Acme").employee_count(1_000_000_000_001)));
}

#[test]
fn revenue_keeps_its_digits() {
    let world = World::new();
    for digits in ["0.10", "1234567890123456789012345678", "-0.0000000000000000000000000001"] {
        let expected = format!("\"annualRevenue\":{digits},");
        let body = format!(r#"{{"name":"Acme","annualRevenue":{digits}}}"#);
        let companies = world.acme.companies();
        let of_json = companies.json().create(body.as_bytes(), &WriteOptions::default()).unwrap().record;
        assert!(text(&of_json).contains(&expected), "{}", text(&of_json));
        let draft = CompanyDraft::new("Acme").annual_revenue(decimal(digits));
        let company = companies.create(&draft).unwrap();
        assert_eq!(company.annual_revenue.map(|revenue| revenue.to_string()).as_deref(), Some(digits));
        let typed = companies.json().get(company.id).unwrap();
        assert!(text(&typed).contains(&expected), "{}", text(&typed));
    }
}

#[test]
fn a_domain_is_unique_however_it_is_spelt() {
    let world = World::new();
    let companies = world.acme.companies();
    let owner = companies.create(&acme("acme.example")).unwrap().id;
    let other = companies.create(&CompanyDraft::new("Other").domain("other.example")).unwrap().id;
    for domain in
        ["acme.example", "ACME.example.", "https://www.Acme.Example/path", "http://acme.example:80?x"]
    {
        let update = CompanyUpdate::new().name("Acme").domain(domain);
        for error in [
            world.refused(|| companies.create(&acme(domain))),
            world.refused(|| companies.update(other, &update)),
        ] {
            assert_eq!(report(&error), "duplicate\ndomain is taken by another company");
            assert_eq!(error.existing_id(), Some(owner.as_uuid()));
        }
    }
    companies.create(&CompanyDraft::new("Sub").domain("sub.acme.example")).unwrap();
    let same = CompanyUpdate::new().domain("www.acme.example");
    let written = companies.update_with(owner, &same, &WriteOptions::default()).unwrap();
    assert_eq!(written.outcome, WriteOutcome::Unchanged);
    companies.update(owner, &CompanyUpdate::new().domain(Patch::Clear)).unwrap();
    companies.create(&acme("acme.example")).unwrap();
}

#[test]
fn companies_without_a_domain_are_never_duplicates() {
    let world = World::new();
    for _ in 0..2 {
        world.acme.companies().create(&CompanyDraft::new("Acme")).unwrap();
    }
}

#[test]
fn an_update_merges_and_null_clears() {
    let world = World::new();
    let companies = world.acme.companies();
    let id = companies.create(&full()).unwrap().id;
    world.clock.advance(1_000_000);
    let body = json!({"domain": null, "tags": null, "annualRevenue": null, "city": "Yuma"});
    assert_eq!(update_json(companies, id, &body).unwrap().outcome, WriteOutcome::Updated);
    let company = companies.get(id).unwrap();
    assert_eq!((company.domain, company.tags, company.annual_revenue), (None, Tags::default(), None));
    assert_eq!((company.city.as_deref(), company.name.as_str()), (Some("Yuma"), "Acme"));
    assert!(company.created_at < company.updated_at);
    let error = world.refused(|| update_json(companies, id, &json!({"name": null, "employeeCount": 1.5})));
    assert_eq!(report(&error), "validation\nemployeeCount must be a whole number\nname is required");
}

#[test]
fn a_write_that_changes_nothing_leaves_no_trace() {
    let world = World::new();
    let companies = world.acme.companies();
    let id = companies.create(&full()).unwrap().id;
    for update in [
        CompanyUpdate::new(),
        CompanyUpdate::new().domain("acme.example"),
        CompanyUpdate::new().tags(["b", "a"]),
        CompanyUpdate::new().annual_revenue(decimal("1200.5")),
        CompanyUpdate::new().owner_id(Patch::Clear),
    ] {
        let written = world.without_trace(|| companies.update_with(id, &update, &WriteOptions::default()));
        assert_eq!(written.unwrap().outcome, WriteOutcome::Unchanged, "{update:?}");
    }
    let written = world.without_trace(|| companies.upsert(&full())).unwrap();
    assert_eq!(written.outcome, WriteOutcome::Unchanged);
    for body in [json!({}), full_json()] {
        let written = world.without_trace(|| update_json(companies, id, &body)).unwrap();
        assert_eq!(written.outcome, WriteOutcome::Unchanged, "{body}");
    }
}

#[test]
fn upsert_creates_then_updates_by_domain() {
    let world = World::new();
    let companies = world.acme.companies();
    let created = companies.upsert(&acme("acme.example")).unwrap();
    assert_eq!(created.outcome, WriteOutcome::Created);
    let updated = companies.upsert(&acme("https://WWW.acme.example/").city("Yuma")).unwrap();
    assert_eq!((updated.outcome, updated.record.id), (WriteOutcome::Updated, created.record.id));
    assert_eq!((updated.record.name.as_str(), updated.record.city.as_deref()), ("Acme", Some("Yuma")));
    let same = world.without_trace(|| companies.upsert(&acme("acme.example")));
    assert_eq!(same.unwrap().outcome, WriteOutcome::Unchanged);
    let faults = |draft: CompanyDraft| report(&world.refused(|| companies.upsert(&draft)));
    assert_eq!(faults(CompanyDraft::new("Acme")), "validation\ndomain is required for an upsert");
    assert_eq!(
        faults(CompanyDraft::new("Acme").domain(None)),
        "validation\ndomain is required for an upsert"
    );
    assert_eq!(
        faults(CompanyDraft::new("").domain("acme")),
        "validation
domain must be a domain, such as acme.example
name must not be empty"
    );
}

#[test]
fn an_upsert_by_json_may_leave_out_what_the_record_has() {
    let world = World::new();
    let companies = world.acme.companies();
    let created = upsert_json(companies, &json!({"name": "Acme", "domain": "acme.example"})).unwrap();
    assert_eq!(created.outcome, WriteOutcome::Created);
    let body = json!({"domain": "https://WWW.acme.example/", "city": "Yuma"});
    let updated = upsert_json(companies, &body).unwrap();
    assert_eq!((updated.outcome, updated.record.id()), (WriteOutcome::Updated, created.record.id()));
    assert_eq!(updated.record.read().unwrap().name, "Acme");
    let same = world.without_trace(|| upsert_json(companies, &json!({"domain": "acme.example"})));
    assert_eq!(same.unwrap().outcome, WriteOutcome::Unchanged);
    let faults = |body: Value| report(&world.refused(|| upsert_json(companies, &body)));
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
    let company: Company = create_json(world.acme.companies(), &body).unwrap().record.read().unwrap();
    assert_eq!(company.tenant_id, world.acme.tenant().id);
    let strict = World::strict();
    let error = strict.refused(|| create_json(strict.acme.companies(), &body));
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
    let companies = world.acme.companies();
    let drafts = [
        CompanyDraft::new("A").domain("acme.example"),
        CompanyDraft::new("B").domain("www.ACME.example"),
        CompanyDraft::new("C"),
        CompanyDraft::new(" ").domain("c.example"),
    ];
    let error = world.refused(|| companies.create_many(&drafts, Atomicity::AllOrNothing));
    assert_eq!(
        report(&error),
        "duplicate
items[1].domain is taken by another company
items[3].name must not be empty"
    );
    let bulk = companies.create_many(&drafts, Atomicity::EachByItself).unwrap();
    let codes: Vec<_> =
        bulk.items.iter().map(|item| item.as_ref().map(|_| ()).map_err(Error::code)).collect();
    assert_eq!(codes, [Ok(()), Err(Code::Duplicate), Ok(()), Err(Code::Validation)]);
    assert_eq!(companies.count(Query::all()).unwrap(), 2);
}

#[test]
fn another_tenants_company_is_as_unknown_as_a_random_one() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    let theirs = other.companies().create(&full()).unwrap().id;
    let random: Id<Company> = "0191e3a2-9f00-7abc-8def-0123456789ab".parse().unwrap();
    let update = CompanyUpdate::new().city("Yuma");
    let errors = |id| {
        let companies = world.acme.companies();
        [
            format!("{:?}", companies.get(id).unwrap_err()),
            format!("{:?}", world.refused(|| companies.update(id, &update))),
            format!("{:?}", world.refused(|| companies.delete(id))),
        ]
    };
    assert_eq!(errors(theirs), errors(random));
    assert!(errors(theirs)[0].contains("there is no such company"));
    world.acme.companies().create(&full()).unwrap();
}

#[test]
fn writing_takes_the_scope_write() {
    let world = World::new();
    let id = world.acme.companies().create(&full()).unwrap().id;
    let reader = world.acme.clone().limited_to(Scope::Read);
    let (companies, options) = (reader.companies(), WriteOptions::default());
    companies.get(id).unwrap();
    let none: [CompanyDraft; 0] = [];
    for error in [
        companies.create(&full()).unwrap_err(),
        companies.update(id, &CompanyUpdate::new()).unwrap_err(),
        companies.upsert(&full()).unwrap_err(),
        companies.delete(id).unwrap_err(),
        companies.create_many(&none, Atomicity::EachByItself).unwrap_err(),
        companies.upsert_many(&none, Atomicity::EachByItself).unwrap_err(),
        companies.json().create_many(b"[]", Atomicity::EachByItself, &options).unwrap_err(),
    ] {
        assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Write)));
    }
}

#[test]
fn typed_drafts_and_updates_say_what_their_json_says() {
    let world = World::new();
    let companies = world.acme.companies();
    let of_json = create_json(companies, &full_json()).unwrap().record.read().unwrap();
    companies.delete(of_json.id).unwrap();
    let acme = companies.create(&full()).unwrap();
    let mut same = acme.clone();
    (same.id, same.created_at, same.updated_at) = (of_json.id, of_json.created_at, of_json.updated_at);
    assert_eq!(same, of_json);
    for update in [
        CompanyUpdate::new().annual_revenue(Patch::Clear).employee_count(Patch::Clear).city("Yuma"),
        CompanyUpdate::new().annual_revenue(None).employee_count(None).city("Yuma"),
    ] {
        let after = companies.update(acme.id, &update).unwrap();
        assert_eq!((after.annual_revenue, after.employee_count), (None, None));
        assert_eq!((after.city.as_deref(), after.tags), (Some("Yuma"), Tags::from(["b", "a"])));
        companies
            .update(acme.id, &CompanyUpdate::new().annual_revenue(decimal("10")).employee_count(1))
            .unwrap();
    }
}
