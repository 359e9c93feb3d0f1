//! Filtered lists, compared with looking at each record.

use rally_core::{
    Activity, ActivityDraft, ActivityStatus, ActivityType, Atomicity, Collection, Company, CompanyDraft,
    CompanyUpdate, Contact, ContactDraft, ContactUpdate, Deal, DealDraft, DealStatus, DealUpdate, Decimal,
    Filter, Id, LifecycleStage, ListQuery, Patch, Pipeline, PipelineDraft, PipelineStageDraft, Priority,
    Profile, Query, Scope, Timestamp, User, UserDraft,
    schema::{Bulkable, Draft, Fields, Resource, Search, Searchable, Update},
};
use serde_json::{Value, json};

use crate::support::{World, value};

/// Adds records, and changes some of them so that the order of changes is another than that of creation.
fn fill<R: Bulkable>(
    world: &World,
    all: Collection<'_, R>,
    drafts: &[impl Draft<R>],
    change: &impl Update<R>,
) {
    let create = |some| all.create_many(some, Atomicity::AllOrNothing).unwrap().items;
    let ids: Vec<Id<R>> = drafts.chunks(100).flat_map(create).map(Result::unwrap).collect();
    for id in ids.into_iter().rev().step_by(3) {
        world.clock.advance(1_000);
        all.update(id, change).unwrap();
    }
}

/// A part of a question to a list: a filter by its name and the text of a value, and the same as a host writes it. A
/// search is named `q` and has no filter.
type Asked<R> = (&'static str, String, Filter<R>);

fn by<R>(name: &'static str, text: &str, filter: Filter<R>) -> Asked<R> {
    (name, text.to_owned(), filter)
}

fn q<R>(text: &str) -> Asked<R> {
    by("q", text, Filter::all())
}

/// All sets of at most three parts, none of which are of one name.
fn sets<R>(parts: &[Asked<R>]) -> Vec<Vec<Asked<R>>> {
    let mut sets: Vec<Vec<Asked<R>>> = vec![Vec::new()];
    for part in parts {
        let longer = sets.iter().filter(|set| set.len() < 3 && set.iter().all(|(name, ..)| *name != part.0));
        let longer: Vec<_> = longer.map(|set| [&set[..], std::slice::from_ref(part)].concat()).collect();
        sets.extend(longer);
    }
    sets
}

/// The question that a host asks.
fn typed<R: Searchable>(set: &[Asked<R>]) -> Query<R> {
    set.iter().fold(Query::all(), |query, (name, text, filter)| match *name {
        "q" => query.search(text),
        _ => query.filter(filter.clone()),
    })
}

/// The same question as an adapter reads it.
fn parsed<R: Resource>(set: &[Asked<R>]) -> Query<R> {
    set.iter().fold(Query::all(), |query, (name, text, _)| match *name {
        "q" => Query { search: Search::parse(text).unwrap(), ..query },
        _ => query.filter(Filter::parse(R::model(), name, text).unwrap()),
    })
}

/// True when a record is what one part asks for.
fn is_asked(record: &Value, name: &str, asked: &str, names: &[&str]) -> bool {
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
        let page = all.json().list(&Query::all().offset(offset)).unwrap();
        records.extend(page.records.iter().map(value));
        if !page.has_more {
            return records;
        }
    }
}

/// Asks a list in every way for what some parts ask for, and compares it with a look at each record.
#[track_caller]
fn check<R: Searchable>(all: Collection<'_, R>, parts: &[Asked<R>], names: &[&str]) {
    let records = everyone(all);
    let updated_at = |record: &Value| record["updatedAt"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let mut instants: Vec<Timestamp> = records.iter().map(updated_at).collect();
    instants.sort_unstable();
    let (middle, last) = (instants[instants.len() * 3 / 5], instants[instants.len() - 1]);
    for set in sets(parts) {
        for since in [None, Some(Timestamp::MIN), Some(middle), Some(last)] {
            let mut expected: Vec<&Value> = records
                .iter()
                .filter(|record| set.iter().all(|(name, text, _)| is_asked(record, name, text, names)))
                .filter(|record| since.is_none_or(|since| updated_at(record) > since))
                .collect();
            if since.is_some() {
                expected.sort_by_key(|record| updated_at(record));
            }
            let query = Query { updated_since: since, ..typed(&set) };
            compare(all, &query, &expected);
            let query = Query { updated_since: since, ..parsed(&set) };
            compare(all, &query, &expected);
        }
    }
}

#[track_caller]
fn compare<R: Resource>(all: Collection<'_, R>, query: &Query<R>, expected: &[&Value]) {
    for (limit, offset, count) in [(100, 0, true), (2, 0, false), (2, 1, true), (1, 3, false)] {
        let at = u64::try_from(offset).unwrap();
        let list = ListQuery { count, ..query.clone().limit(limit).offset(at) };
        let page = all.json().list(&list).unwrap();
        let rows: Vec<Value> = page.records.iter().map(value).collect();
        let wanted: Vec<&Value> = expected.iter().skip(offset).take(limit).copied().collect();
        assert_eq!(rows.iter().collect::<Vec<_>>(), wanted, "{list:?}");
        assert_eq!(page.has_more, expected.len() > offset + limit, "{list:?}");
        let total = u64::try_from(expected.len()).unwrap();
        assert_eq!(page.total, if count { Some(total) } else { None }, "{list:?}");
    }
    assert_eq!(all.count(query.clone()).unwrap(), u64::try_from(expected.len()).unwrap(), "{query:?}");
}

/// A world with two companies and two users, and their ids.
fn world() -> (World, [Id<Company>; 2], [Id<User>; 2]) {
    let world = World::new();
    let companies =
        ["Acme", "Bolt"].map(|name| world.acme.companies().create(&CompanyDraft::new(name)).unwrap().id);
    let users = ["olga", "piet"].map(|name| {
        world.acme.users().create(&UserDraft::new(format!("{name}@x.example"), name)).unwrap().id
    });
    (world, companies, users)
}

fn nth<T: Clone>(values: &[T], number: usize) -> T {
    values[number % values.len()].clone()
}

#[test]
fn contacts_are_found_by_each_filter_and_all_of_them_together() {
    let (world, companies, users) = world();
    let contact = |number: usize| {
        let email = format!("{}{number}@x.example", nth(&["ad", "C"], number / 2));
        ContactDraft::new(nth(&["Ada", "Bob", "adam"], number), nth(&["Lovelace", "Adams"], number), email)
            .tags(nth(&[vec!["a", "b"], vec!["b"], vec!["A"], vec![]], number))
            .company_id(nth(&[Some(companies[0]), None, Some(companies[1])], number))
            .lead_source(nth(&["web", "Web", "fair"], number / 2))
            .owner_id(nth(&[None, Some(users[0])], number / 3))
            .lifecycle_stage(nth(&[LifecycleStage::Lead, LifecycleStage::Customer], number / 4))
    };
    let drafts: Vec<_> = (0..24).map(contact).collect();
    fill(&world, world.acme.contacts(), &drafts, &ContactUpdate::new().notes("changed"));
    let parts = [
        by("email", "AD1@x.example", Contact::EMAIL.is("AD1@x.example")),
        by("companyId", &companies[0].to_string(), Contact::COMPANY_ID.is(companies[0])),
        by("ownerId", &users[0].to_string(), Contact::OWNER_ID.is(users[0])),
        by("ownerId", &users[1].to_string(), Contact::OWNER_ID.is(users[1])),
        by("lifecycleStage", "lead", Contact::LIFECYCLE_STAGE.is(LifecycleStage::Lead)),
        by("leadSource", "web", Contact::LEAD_SOURCE.is("web")),
        by("leadSource", "fair", Contact::LEAD_SOURCE.is("fair")),
        by("tag", "b", Contact::TAG.is("b")),
        by("tag", "A", Contact::TAG.is("A")),
        q("ad"),
        q("Bob A"),
    ];
    check(world.acme.contacts(), &parts, &["fullName", "lastName", "email"]);
}

#[test]
fn values_that_very_many_have_meet_where_they_should() {
    let world = World::new();
    let contact = |number: usize| {
        let stage = if number < 300 { LifecycleStage::Lead } else { LifecycleStage::Customer };
        ContactDraft::new(nth(&["Ada", "Adam", "Bob"], number), "L", format!("c{number}@x.example"))
            .tags([nth(&["even", "odd"], number)])
            .lead_source(nth(&["web", "fair", "web"], number / 200))
            .lifecycle_stage(stage)
    };
    let drafts: Vec<_> = (0..600).map(contact).collect();
    fill(&world, world.acme.contacts(), &drafts, &ContactUpdate::new().notes("changed"));
    let parts = [
        by("lifecycleStage", "lead", Contact::LIFECYCLE_STAGE.is(LifecycleStage::Lead)),
        by("lifecycleStage", "customer", Contact::LIFECYCLE_STAGE.is(LifecycleStage::Customer)),
        by("leadSource", "web", Contact::LEAD_SOURCE.is("web")),
        by("leadSource", "fair", Contact::LEAD_SOURCE.is("fair")),
        by("tag", "odd", Contact::TAG.is("odd")),
        q("ada"),
    ];
    check(world.acme.contacts(), &parts, &["fullName", "lastName", "email"]);
}

#[test]
fn companies_are_found_by_each_filter_and_all_of_them_together() {
    let (world, _, users) = world();
    let company = |number: usize| {
        CompanyDraft::new(nth(&["Acme", "Bolt", "acorn"], number))
            .domain(format!("{}{number}.example", nth(&["ac", "b"], number)))
            .industry(nth(&[Some("Anvils"), Some("anvils"), None], number / 2).map(str::to_owned))
            .owner_id(nth(&[None, Some(users[0])], number / 3))
            .tags(nth(&[vec!["a", "b"], vec!["a,b"], vec![]], number))
    };
    let drafts: Vec<_> = (0..24).map(company).collect();
    fill(&world, world.acme.companies(), &drafts, &CompanyUpdate::new().notes("changed"));
    let parts = [
        by("domain", "ac2.example", Company::DOMAIN.is("ac2.example")),
        by("domain", "b2.example", Company::DOMAIN.is("b2.example")),
        by("industry", "Anvils", Company::INDUSTRY.is("Anvils")),
        by("ownerId", &users[0].to_string(), Company::OWNER_ID.is(users[0])),
        by("tag", "a", Company::TAG.is("a")),
        by("tag", "a,b", Company::TAG.is("a,b")),
        q("AC"),
        q("b"),
    ];
    check(world.acme.companies(), &parts, &["name", "domain"]);
}

#[test]
fn deals_are_found_by_each_filter_and_all_of_them_together() {
    let (world, companies, users) = world();
    let contact = world.add("a@x.example");
    let pipeline = world.pipeline();
    let stages: Vec<_> = pipeline.stages.iter().map(|stage| stage.id).collect();
    let deal = |number: usize| {
        let name = nth(&["Big", "small", "bigger"], number / 2);
        DealDraft::new(pipeline.id, nth(&stages, number), name)
            .contact_id(nth(&[Some(contact), None], number))
            .company_id(nth(&companies, number / 4))
            .owner_id(nth(&[Some(users[0]), None, Some(users[1])], number / 2))
    };
    let drafts: Vec<_> = (0..24).map(deal).collect();
    fill(&world, world.acme.deals(), &drafts, &DealUpdate::new().notes("changed"));
    let parts = [
        by("pipelineId", &pipeline.id.to_string(), Deal::PIPELINE_ID.is(pipeline.id)),
        by("stageId", &stages[0].to_string(), Deal::STAGE_ID.is(stages[0])),
        by("stageId", &stages[4].to_string(), Deal::STAGE_ID.is(stages[4])),
        by("contactId", &contact.to_string(), Deal::CONTACT_ID.is(contact)),
        by("companyId", &companies[1].to_string(), Deal::COMPANY_ID.is(companies[1])),
        by("ownerId", &users[0].to_string(), Deal::OWNER_ID.is(users[0])),
        by("status", "open", Deal::STATUS.is(DealStatus::Open)),
        by("status", "won", Deal::STATUS.is(DealStatus::Won)),
        by("status", "lost", Deal::STATUS.is(DealStatus::Lost)),
        q("BIG"),
    ];
    check(world.acme.deals(), &parts, &["name"]);
}

#[test]
fn activities_are_found_by_each_filter_and_all_of_them_together() {
    let (world, companies, users) = world();
    let contact = world.add("a@x.example");
    let deals = [world.deal("One"), world.deal("Two")];
    let activity = |number: usize| {
        let of_type =
            nth(&[ActivityType::Note, ActivityType::Task, ActivityType::Call, ActivityType::Meeting], number);
        ActivityDraft::new(of_type, nth(&["Call", "callback", "x"], number))
            .contact_id(nth(&[Some(contact), None], number))
            .company_id(nth(&companies, number / 4))
            .deal_id(nth(&[Some(deals[0]), None, Some(deals[1])], number / 2))
            .owner_id(nth(&users, number / 3))
            .priority(nth(&[Some(Priority::High), None, Some(Priority::Low)], number))
            .status(nth(&[ActivityStatus::Pending, ActivityStatus::Completed], number / 3))
    };
    let drafts: Vec<_> = (0..24).map(activity).collect();
    let change = rally_core::ActivityUpdate::new().body("changed");
    fill(&world, world.acme.activities(), &drafts, &change);
    let parts = [
        by("activityType", "note", Activity::ACTIVITY_TYPE.is(ActivityType::Note)),
        by("activityType", "call", Activity::ACTIVITY_TYPE.is(ActivityType::Call)),
        by("status", "completed", Activity::STATUS.is(ActivityStatus::Completed)),
        by("contactId", &contact.to_string(), Activity::CONTACT_ID.is(contact)),
        by("companyId", &companies[0].to_string(), Activity::COMPANY_ID.is(companies[0])),
        by("dealId", &deals[1].to_string(), Activity::DEAL_ID.is(deals[1])),
        by("ownerId", &users[1].to_string(), Activity::OWNER_ID.is(users[1])),
        by("priority", "high", Activity::PRIORITY.is(Priority::High)),
        q("CALL"),
    ];
    check(world.acme.activities(), &parts, &["subject"]);
}

#[test]
fn users_and_pipelines_are_searched() {
    let (world, ..) = world();
    for name in ["Oleg", "olaf", "Piet"] {
        let user = UserDraft::new(format!("{name}@y.example"), format!("{name} the user"));
        world.acme.users().create(&user).unwrap();
        let stages = vec![PipelineStageDraft::new("A")];
        world.acme.pipelines().create(&PipelineDraft::new(format!("{name}'s"), stages)).unwrap();
    }
    check::<User>(world.acme.users(), &[q("OL"), q("piet@"), q("olaf the"), q("x")], &["name", "email"]);
    check::<Pipeline>(world.acme.pipelines(), &[q("ol"), q("sales pipe"), q("pipeline")], &["name"]);
}

/// The contacts that a search finds, each by the beginning of its e-mail address.
fn found(world: &World, text: &str) -> Vec<String> {
    let contacts = world.acme.contacts().list(Query::all().search(text)).unwrap().records;
    contacts.iter().map(|contact| contact.email.split('@').next().unwrap().to_owned()).collect()
}

#[test]
fn a_search_follows_names_as_they_change_and_finds_long_ones_whole() {
    let world = World::new();
    let long = "Wolfeschlegelsteinhausenbergerdorff";
    let contact = |email: &str, first: &str, last: &str| {
        world.acme.contacts().create(&ContactDraft::new(first, last, email)).unwrap().id
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
    world.acme.contacts().update(first, &ContactUpdate::new().first_name("Ada").last_name("L")).unwrap();
    assert_eq!((found(&world, "ada l"), found(&world, "strasse").len()), (vec!["first".to_owned()], 0));
    assert_eq!(found(&world, long), ["second"]);
    world.acme.contacts().delete(first).unwrap();
    assert!(found(&world, "ada").is_empty());
}

#[test]
fn a_search_finds_a_domain_as_it_is_written() {
    let world = World::new();
    let companies = world.acme.companies();
    let id = companies.create(&CompanyDraft::new("Acme").domain("www.MÜNCHEN.example")).unwrap().id;
    let found = |text: &str| {
        let page = companies.list(Query::all().search(text)).unwrap();
        page.records.iter().map(|company| company.id).collect::<Vec<_>>()
    };
    for text in ["münch", "MÜNCHEN.example", "xn--mnchen", "acme"] {
        assert_eq!(found(text), [id], "{text}");
    }
    companies.update(id, &CompanyUpdate::new().domain(Patch::Clear)).unwrap();
    assert_eq!(found("münch"), []);
}

#[test]
fn a_caller_who_may_read_may_filter() {
    let world = World::new();
    let reader = world.acme.clone().limited_to(Scope::Read);
    assert!(reader.deals().list(Deal::STATUS.is(DealStatus::Open)).unwrap().records.is_empty());
}

#[test]
fn a_record_is_found_by_its_new_value_and_no_longer_by_its_old_one() {
    let (world, companies, _) = world();
    let id = world.add("a@x.example");
    let count = |filter: Filter<Contact>| world.acme.contacts().list(filter).unwrap().records.len();
    let set = |update: ContactUpdate| world.acme.contacts().update(id, &update).unwrap();
    let found_by = |company, tag: &str, source: &str, stage| {
        [
            Contact::COMPANY_ID.is(company),
            Contact::TAG.is(tag),
            Contact::LEAD_SOURCE.is(source),
            Contact::LIFECYCLE_STAGE.is(stage),
        ]
    };
    let customer = LifecycleStage::Customer;
    let update = ContactUpdate::new().company_id(companies[0]).tags(["a", "b"]).lead_source("web");
    set(update.lifecycle_stage(customer));
    let old = || found_by(companies[0], "a", "web", customer);
    assert_eq!(old().map(count), [1; 4]);
    let update = ContactUpdate::new().company_id(companies[1]).tags(["b"]).lead_source("fair");
    set(update.lifecycle_stage(Patch::Clear));
    assert_eq!(old().map(count), [0; 4]);
    let new = || found_by(companies[1], "b", "fair", LifecycleStage::Lead);
    assert_eq!(new().map(count), [1; 4]);
    world.acme.contacts().delete(id).unwrap();
    assert_eq!(new().map(count), [0; 4]);
}

#[test]
fn a_filtered_list_writes_only_the_fields_that_are_named() {
    let (world, companies, _) = world();
    world
        .acme
        .deals()
        .create(&world.lead("Deal").company_id(companies[0]).value("5".parse::<Decimal>().unwrap()))
        .unwrap();
    let list = Deal::COMPANY_ID.is(companies[0]).into();
    for (fields, expected) in [
        ("name,companyName", r#"{"companyName":"Acme","name":"Deal"}"#),
        ("value,companyId", &*format!(r#"{{"companyId":"{}","value":5}}"#, companies[0])),
    ] {
        let fields = Fields::parse(Deal::model(), fields, Profile::Strict).unwrap();
        let mut json = Vec::new();
        let page = world.acme.deals().json().list(&list).unwrap();
        page.records[0].write_json(&fields, &mut json).unwrap();
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }
    let far = Query::all().updated_since(Timestamp::MAX);
    assert!(world.acme.deals().list(far).unwrap().records.is_empty());
}

#[test]
fn what_is_read_from_other_records_is_left_out_of_a_list_on_demand() {
    let (world, companies, _) = world();
    world.acme.deals().create(&world.lead("Deal").company_id(companies[0])).unwrap();
    let names = |without_joined| {
        let list = ListQuery { without_joined, ..ListQuery::default() };
        let deal: Deal = world.acme.deals().list(list).unwrap().records.remove(0);
        (deal.company_name, deal.stage_name)
    };
    assert_eq!(names(false), (Some("Acme".to_owned()), Some("Lead".to_owned())));
    assert_eq!(names(true), (None, None));
}
