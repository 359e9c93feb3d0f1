//! What a list is narrowed to, compared with looking at each record.

use rally_core::{Bulkable, Collection, Id, Json, ListQuery, Resource, Scope, Timestamp, WriteOptions};
use serde_json::{Value, json};

use crate::support::{World, add, bytes, create, listed, report, update, value, with};

/// Adds records, and changes some of them so that the order of changes is another than that of creation.
fn fill<R: Bulkable>(world: &World, all: Collection<'_, R>, bodies: &[Value], change: &str) {
    let create = |some: &[Value]| {
        all.create_many(&Json(&bytes(&json!(some))), true, &WriteOptions::default()).unwrap().items
    };
    let ids: Vec<Id<R>> = bodies.chunks(100).flat_map(create).map(Result::unwrap).collect();
    for id in ids.into_iter().rev().step_by(3) {
        world.clock.advance(1_000);
        update(all, id, &json!({change: "changed"})).unwrap();
    }
}

/// Parameters of one list, each filter with a value; `q` is one of them.
type Query<'a> = Vec<(&'a str, &'a str)>;

/// All sets of at most three parameters, none of them twice.
fn queries<'a>(parameters: &[(&'a str, &'a str)]) -> Vec<Query<'a>> {
    let mut queries: Vec<Query<'a>> = vec![Vec::new()];
    for parameter in parameters {
        let longer = queries
            .iter()
            .filter(|query| query.len() < 3 && query.iter().all(|(name, _)| name != &parameter.0));
        let longer: Vec<_> = longer.map(|query| [&query[..], &[*parameter]].concat()).collect();
        queries.extend(longer);
    }
    queries
}

/// Whether a record is what one parameter asks for.
fn is_asked(record: &Value, (name, asked): (&str, &str), names: &[&str]) -> bool {
    let text = |member: &str| record[member].as_str().unwrap_or_default();
    match name {
        "q" => names.iter().any(|member| text(member).to_lowercase().starts_with(&asked.to_lowercase())),
        "tag" => match &record["tags"] {
            Value::Array(tags) => tags.contains(&json!(asked)),
            line => line.as_str().is_some_and(|line| line.split(',').any(|tag| tag == asked)),
        },
        "email" => text(name).eq_ignore_ascii_case(asked),
        _ => record[name] == asked,
    }
}

fn everyone<R: Resource>(all: Collection<'_, R>) -> Vec<Value> {
    let mut records = Vec::new();
    loop {
        let offset = u64::try_from(records.len()).unwrap();
        let page = all.list(&ListQuery { offset, ..ListQuery::default() }).unwrap();
        records.extend(page.rows.iter().map(value));
        if !page.has_more {
            return records;
        }
    }
}

/// Asks a list in every way for what some parameters ask for, and compares it with a look at each record.
#[track_caller]
fn check<R: Resource>(all: Collection<'_, R>, parameters: &[(&str, &str)], names: &[&str]) {
    let records = everyone(all);
    let mut instants: Vec<&str> =
        records.iter().map(|record| record["updatedAt"].as_str().unwrap()).collect();
    instants.sort_unstable();
    let (middle, last) = (instants[instants.len() * 3 / 5], instants[instants.len() - 1]);
    for query in queries(parameters) {
        for since in [None, Some("0001-01-01"), Some(middle), Some(last)] {
            let mut expected: Vec<&Value> = records
                .iter()
                .filter(|record| query.iter().all(|asked| is_asked(record, *asked, names)))
                .filter(|record| since.is_none_or(|since| record["updatedAt"].as_str().unwrap() > since))
                .collect();
            if since.is_some() {
                expected.sort_by_key(|record| record["updatedAt"].as_str().unwrap());
            }
            let query =
                [&query[..], &since.map(|since| ("updatedSince", since)).into_iter().collect::<Vec<_>>()]
                    .concat();
            compare(all, &query, &expected);
        }
    }
}

#[track_caller]
fn compare<R: Resource>(all: Collection<'_, R>, query: &[(&str, &str)], expected: &[&Value]) {
    for (limit, offset, count) in [("100", 0, true), ("2", 0, false), ("2", 1, true), ("1", 3, false)] {
        let place = offset.to_string();
        let paging = [("limit", limit), ("offset", &place), ("count", if count { "true" } else { "false" })];
        let page = listed(all, &[query, &paging].concat()).unwrap();
        let most: usize = limit.parse().unwrap();
        let rows: Vec<Value> = page.rows.iter().map(value).collect();
        let wanted: Vec<&Value> = expected.iter().skip(offset).take(most).copied().collect();
        assert_eq!(rows.iter().collect::<Vec<_>>(), wanted, "{query:?} {paging:?}");
        assert_eq!(page.has_more, expected.len() > offset + most, "{query:?} {paging:?}");
        assert_eq!(
            page.total,
            count.then_some(u64::try_from(expected.len()).unwrap()),
            "{query:?} {paging:?}"
        );
    }
}

/// A world with two companies and two users, and their ids.
fn world() -> (World, [String; 2], [String; 2]) {
    let world = World::new();
    let companies =
        ["Acme", "Bolt"].map(|name| add(world.acme.companies(), &json!({"name": name})).to_string());
    let users = ["olga", "piet"].map(|name| {
        add(world.acme.users(), &json!({"email": format!("{name}@x.example"), "name": name})).to_string()
    });
    (world, companies, users)
}

fn nth<T>(values: &[T], number: usize) -> &T {
    &values[number % values.len()]
}

#[test]
fn contacts_are_found_by_each_filter_and_all_of_them_together() {
    let (world, companies, users) = world();
    let contact = |number: usize| {
        json!({
            "firstName": nth(&["Ada", "Bob", "adam"], number), "lastName": nth(&["Lovelace", "Adams"], number),
            "email": format!("{}{number}@x.example", nth(&["ad", "C"], number / 2)), "tags": nth(&["a,b", "b", "A", ""], number),
            "companyId": nth(&[Some(&companies[0]), None, Some(&companies[1])], number), "leadSource":
            nth(&["web", "Web", "fair"], number / 2), "ownerId": nth(&[None, Some(&users[0])], number / 3),
            "lifecycleStage": nth(&["lead", "customer"], number / 4),
        })
    };
    fill(&world, world.acme.contacts(), &(0..24).map(contact).collect::<Vec<_>>(), "notes");
    let parameters = [
        ("email", "AD1@x.example"),
        ("companyId", &companies[0]),
        ("ownerId", &users[0]),
        ("ownerId", &users[1]),
        ("lifecycleStage", "lead"),
        ("leadSource", "web"),
        ("leadSource", "fair"),
        ("tag", "b"),
        ("tag", "A"),
        ("q", "ad"),
        ("q", "Bob A"),
    ];
    check(world.acme.contacts(), &parameters, &["fullName", "lastName", "email"]);
}

#[test]
fn values_that_very_many_have_meet_where_they_should() {
    let world = World::new();
    let contact = |number: usize| {
        json!({
            "firstName": nth(&["Ada", "Adam", "Bob"], number), "lastName": "L", "email": format!("c{number}@x.example"),
            "tags": nth(&["even", "odd"], number), "leadSource": nth(&["web", "fair", "web"], number / 200),
            "lifecycleStage": if number < 300 { "lead" } else { "customer" },
        })
    };
    fill(&world, world.acme.contacts(), &(0..600).map(contact).collect::<Vec<_>>(), "notes");
    let parameters = [
        ("lifecycleStage", "lead"),
        ("lifecycleStage", "customer"),
        ("leadSource", "web"),
        ("leadSource", "fair"),
        ("tag", "odd"),
        ("q", "ada"),
    ];
    check(world.acme.contacts(), &parameters, &["fullName", "lastName", "email"]);
}

#[test]
fn companies_are_found_by_each_filter_and_all_of_them_together() {
    let (world, _, users) = world();
    let company = |number: usize| {
        json!({
            "name": nth(&["Acme", "Bolt", "acorn"], number), "domain": format!("{}{number}.example", nth(&["ac", "b"], number)),
            "industry": nth(&[Some("Anvils"), Some("anvils"), None], number / 2), "ownerId":
            nth(&[None, Some(&users[0])], number / 3), "tags": nth(&[json!(["a", "b"]), json!(["a,b"]), json!([])], number),
        })
    };
    fill(&world, world.acme.companies(), &(0..24).map(company).collect::<Vec<_>>(), "notes");
    let parameters = [
        ("domain", "ac2.example"),
        ("domain", "b2.example"),
        ("industry", "Anvils"),
        ("ownerId", &users[0]),
        ("tag", "a"),
        ("tag", "a,b"),
        ("q", "AC"),
        ("q", "b"),
    ];
    check(world.acme.companies(), &parameters, &["name", "domain"]);
}

#[test]
fn deals_are_found_by_each_filter_and_all_of_them_together() {
    let (world, companies, users) = world();
    let contact = world.add("a@x.example").to_string();
    let pipeline = world.pipeline();
    let stages: Vec<String> = pipeline.stages.iter().map(|stage| stage.id.to_string()).collect();
    let deal = |number: usize| {
        json!({
            "pipelineId": pipeline.id, "stageId": nth(&stages, number), "name": nth(&["Big", "small", "bigger"], number / 2),
            "contactId": nth(&[Some(&contact), None], number), "companyId": nth(&companies, number / 4),
            "ownerId": nth(&[Some(&users[0]), None, Some(&users[1])], number / 2),
        })
    };
    fill(&world, world.acme.deals(), &(0..24).map(deal).collect::<Vec<_>>(), "notes");
    let pipeline = pipeline.id.to_string();
    let parameters = [
        ("pipelineId", &*pipeline),
        ("stageId", &stages[0]),
        ("stageId", &stages[4]),
        ("contactId", &contact),
        ("companyId", &companies[1]),
        ("ownerId", &users[0]),
        ("status", "open"),
        ("status", "won"),
        ("status", "lost"),
        ("q", "BIG"),
    ];
    check(world.acme.deals(), &parameters, &["name"]);
}

#[test]
fn activities_are_found_by_each_filter_and_all_of_them_together() {
    let (world, companies, users) = world();
    let contact = world.add("a@x.example").to_string();
    let deals = [world.deal(json!({})).to_string(), world.deal(json!({})).to_string()];
    let activity = |number: usize| {
        json!({
            "activityType": nth(&["note", "task", "call", "meeting"], number), "subject": nth(&["Call", "callback", "x"], number),
            "contactId": nth(&[Some(&contact), None], number), "companyId": nth(&companies, number / 4), "dealId":
            nth(&[Some(&deals[0]), None, Some(&deals[1])], number / 2), "ownerId": nth(&users, number / 3),
            "priority": nth(&[Some("high"), None, Some("low")], number), "status": nth(&["pending", "completed"], number / 3),
        })
    };
    fill(&world, world.acme.activities(), &(0..24).map(activity).collect::<Vec<_>>(), "body");
    let parameters = [
        ("activityType", "note"),
        ("activityType", "call"),
        ("status", "completed"),
        ("contactId", &*contact),
        ("companyId", &companies[0]),
        ("dealId", &deals[1]),
        ("ownerId", &users[1]),
        ("priority", "high"),
        ("q", "CALL"),
    ];
    check(world.acme.activities(), &parameters, &["subject"]);
}

#[test]
fn users_and_pipelines_are_searched() {
    let (world, ..) = world();
    for name in ["Oleg", "olaf", "Piet"] {
        add(
            world.acme.users(),
            &json!({"email": format!("{name}@y.example"), "name": format!("{name} the user")}),
        );
        add(world.acme.pipelines(), &json!({"name": format!("{name}'s"), "stages": [{"name": "A"}]}));
    }
    check(
        world.acme.users(),
        &[("q", "OL"), ("q", "piet@"), ("q", "olaf the"), ("q", "x")],
        &["name", "email"],
    );
    check(world.acme.pipelines(), &[("q", "ol"), ("q", "sales pipe"), ("q", "pipeline")], &["name"]);
}

/// What a search finds, by what the e-mail addresses of the contacts begin with.
fn found(world: &World, text: &str) -> Vec<String> {
    let page = listed(world.acme.contacts(), &[("q", text)]).unwrap();
    page.rows
        .iter()
        .map(|row| value(row)["email"].as_str().unwrap().split('@').next().unwrap().to_owned())
        .collect()
}

#[test]
fn a_search_follows_names_as_they_change_and_finds_long_ones_whole() {
    let world = World::new();
    let long = "Wolfeschlegelsteinhausenbergerdorff";
    let contact = |email: &str, first: &str, last: &str| {
        create(world.acme.contacts(), &json!({"firstName": first, "lastName": last, "email": email}))
            .unwrap()
            .row
            .id()
    };
    let first = contact("first@x.example", "Straße", &format!("{long} senior"));
    contact("second@x.example", "Éva", &format!("{long} junior"));
    let many = format!("{}@x.example", "y".repeat(40));
    contact(&many, "Ν ΙΚΟΣ", "a");
    for (text, expected) in [
        ("STRASSE", vec!["first"]),
        ("straße w", vec!["first"]),
        (" é ", vec!["second"]),
        ("νικ", vec![]),
        ("ν ικοσ", vec![&*"y".repeat(40)]),
        (long, vec!["first", "second"]),
        (&long.to_uppercase(), vec!["first", "second"]),
        (&format!("{long} s"), vec!["first"]),
        (&format!("éva {long} j"), vec!["second"]),
        (&format!("{long}x"), vec![]),
        (&many.to_uppercase(), vec![&*"y".repeat(40)]),
        (&"y".repeat(41), vec![]),
        ("chlegel", vec![]),
        ("Ada", vec![]),
        ("%", vec![]),
    ] {
        assert_eq!(found(&world, text), expected, "{text}");
    }
    assert_eq!(found(&world, " ").len(), 3);
    world.update(first, json!({"firstName": "Ada", "lastName": "L"})).unwrap();
    assert_eq!((found(&world, "ada l"), found(&world, "strasse").len()), (vec!["first".to_owned()], 0));
    assert_eq!(found(&world, long), ["second"]);
    world.acme.contacts().delete(first).unwrap();
    assert!(found(&world, "ada").is_empty());
}

#[test]
fn a_search_finds_a_domain_as_it_is_written() {
    let world = World::new();
    let id = add(world.acme.companies(), &json!({"name": "Acme", "domain": "www.MÜNCHEN.example"}));
    for text in ["münch", "MÜNCHEN.example", "xn--mnchen", "acme"] {
        let page = listed(world.acme.companies(), &[("q", text)]).unwrap();
        assert_eq!(page.rows.iter().map(rally_core::Row::id).collect::<Vec<_>>(), [id], "{text}");
    }
    update(world.acme.companies(), id, &json!({"domain": null})).unwrap();
    assert!(listed(world.acme.companies(), &[("q", "münch")]).unwrap().rows.is_empty());
}

#[test]
fn a_value_that_no_record_has_is_found_nowhere() {
    let (world, ..) = world();
    world.add("a@x.example");
    world.deal(json!({}));
    let random = "0191e3a2-9f00-7abc-8def-0123456789ab";
    let none = |count: usize, query: (&str, &str)| assert_eq!(count, 0, "{query:?}");
    for query in [
        ("email", "b@x.example"),
        ("companyId", random),
        ("ownerId", random),
        ("leadSource", "x"),
        ("tag", "x"),
    ] {
        none(listed(world.acme.contacts(), &[query]).unwrap().rows.len(), query);
    }
    for query in [("domain", "acme.example"), ("industry", "x"), ("ownerId", random), ("tag", "x")] {
        none(listed(world.acme.companies(), &[query]).unwrap().rows.len(), query);
    }
    for query in [("pipelineId", random), ("stageId", random), ("contactId", random), ("status", "lost")] {
        none(listed(world.acme.deals(), &[query]).unwrap().rows.len(), query);
    }
    for query in [("dealId", random), ("activityType", "note"), ("priority", "low"), ("status", "pending")] {
        none(listed(world.acme.activities(), &[query]).unwrap().rows.len(), query);
    }
}

#[test]
fn a_value_that_a_member_cannot_have_is_refused_by_the_parameters_name() {
    let world = World::new();
    let refused = |error: rally_core::Error| report(&error);
    let tag = "x".repeat(65);
    let text = "x".repeat(256);
    let wrong = [
        ("email", "x"),
        ("companyId", "7"),
        ("ownerId", ""),
        ("lifecycleStage", "Lead"),
        ("leadSource", &text),
        ("tag", &tag),
        ("q", &text),
    ];
    insta::assert_snapshot!(refused(listed(world.acme.contacts(), &wrong).unwrap_err()), @"
    validation
    companyId is not an id
    email is not an e-mail address
    leadSource must not be longer than 255 characters
    lifecycleStage must be one of lead, qualified, opportunity, customer, evangelist
    ownerId is not an id
    q must not be longer than 255 characters
    tag must not be longer than 64 characters
    ");
    let wrong = [("domain", "acme"), ("industry", "a\u{0}"), ("tag", " "), ("q", "a\u{0}")];
    insta::assert_snapshot!(refused(listed(world.acme.companies(), &wrong).unwrap_err()), @"
    validation
    domain must be a domain, such as acme.example
    industry holds a control character other than tab and line breaks
    q holds a control character other than tab and line breaks
    tag must not be empty
    ");
    let wrong =
        [("pipelineId", "x"), ("stageId", "x"), ("contactId", "x"), ("status", "Open"), ("limit", "0")];
    insta::assert_snapshot!(refused(listed(world.acme.deals(), &wrong).unwrap_err()), @"
    validation
    contactId is not an id
    limit must be a whole number from 1 to 100
    pipelineId is not an id
    stageId is not an id
    status must be one of open, won, lost
    ");
    let wrong =
        [("activityType", "fax"), ("status", "open"), ("priority", "7"), ("dealId", "x"), ("name", "x")];
    insta::assert_snapshot!(refused(listed(world.acme.activities(), &wrong).unwrap_err()), @"
    validation
    activityType must be one of note, task, call, meeting
    dealId is not an id
    name is not a parameter here
    priority must be one of low, normal, high, urgent
    status must be one of pending, completed
    ");
    let comma = listed(world.acme.contacts(), &[("tag", "a,b")]).unwrap_err();
    assert_eq!(refused(comma), "validation\ntag must not hold a comma");
    let twice = listed(world.acme.contacts(), &[("tag", "a"), ("tag", "b")]).unwrap_err();
    assert_eq!(refused(twice), "validation\ntag is given twice");
}

#[test]
fn a_host_is_told_of_filters_that_there_are_not() {
    let world = World::new();
    let filters = [("domain".to_owned(), "x.example".to_owned())].into();
    let error = world.acme.contacts().list(&ListQuery { filters, ..ListQuery::default() }).unwrap_err();
    assert_eq!(report(&error), "validation\ndomain is not a parameter here");
    let search = Some("x".to_owned());
    let error =
        world.acme.bant().list(&ListQuery { search, limit: 101, ..ListQuery::default() }).unwrap_err();
    assert_eq!(report(&error), "validation\nlimit must be a whole number from 1 to 100");
    let reader = world.acme.clone().limited_to(Scope::Read);
    let filters = [("status".to_owned(), "open".to_owned())].into();
    assert!(reader.deals().list(&ListQuery { filters, ..ListQuery::default() }).unwrap().rows.is_empty());
}

#[test]
fn a_record_is_found_by_its_new_value_and_no_longer_by_its_old_one() {
    let (world, companies, _) = world();
    let id = world.add("a@x.example");
    let count = |query: (&str, &str)| listed(world.acme.contacts(), &[query]).unwrap().rows.len();
    let set = |body: Value| world.update(id, body).unwrap();
    set(json!({"companyId": companies[0], "tags": "a,b", "leadSource": "web", "lifecycleStage": "customer"}));
    let old =
        [("companyId", &*companies[0]), ("tag", "a"), ("leadSource", "web"), ("lifecycleStage", "customer")];
    assert_eq!(old.map(count), [1; 4]);
    set(json!({"companyId": companies[1], "tags": "b", "leadSource": "fair", "lifecycleStage": null}));
    assert_eq!(old.map(count), [0; 4]);
    let new =
        [("companyId", &*companies[1]), ("tag", "b"), ("leadSource", "fair"), ("lifecycleStage", "lead")];
    assert_eq!(new.map(count), [1; 4]);
    world.acme.contacts().delete(id).unwrap();
    assert_eq!(new.map(count), [0; 4]);
}

#[test]
fn a_narrowed_list_writes_only_the_fields_that_are_named() {
    let (world, companies, _) = world();
    world.deal(with(json!({"companyId": companies[0]}), &json!({"value": 5})));
    for (fields, expected) in [
        ("name,companyName", r#"{"companyName":"Acme","name":"Deal"}"#),
        ("value,companyId", &*format!(r#"{{"companyId":"{}","value":5}}"#, companies[0])),
    ] {
        let parameters = crate::support::pairs(&[("companyId", &companies[0]), ("fields", fields)]);
        let (query, fields) =
            ListQuery::parse::<rally_core::Deal>(&parameters, rally_core::Profile::Strict).unwrap();
        let mut json = Vec::new();
        world.acme.deals().list(&query).unwrap().rows[0].write_json(&fields, &mut json).unwrap();
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }
    let far = ListQuery { updated_since: Some(Timestamp::MAX), ..ListQuery::default() };
    assert!(world.acme.deals().list(&far).unwrap().rows.is_empty());
}
