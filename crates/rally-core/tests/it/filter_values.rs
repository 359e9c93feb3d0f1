//! Values that lists are filtered by: those that no record has, and those that none could have.

use rally_core::{
    Activity, ActivityStatus, ActivityType, Collection, Company, Contact, Deal, DealStatus, Error, Faults,
    Filter, Id, Priority, Query,
    schema::{Resource, Search},
};
use uuid::Uuid;

use crate::support::{World, report};

#[test]
fn a_value_that_no_record_has_is_found_nowhere() {
    let world = World::new();
    world.add("a@x.example");
    world.deal("Deal");
    let random: Uuid = "0191e3a2-9f00-7abc-8def-0123456789ab".parse().unwrap();
    none(
        world.acme.contacts(),
        [
            Contact::EMAIL.is("b@x.example"),
            Contact::COMPANY_ID.is(Id::from_uuid(random)),
            Contact::OWNER_ID.is(Id::from_uuid(random)),
            Contact::LEAD_SOURCE.is("x"),
            Contact::TAG.is("x"),
        ],
    );
    none(
        world.acme.companies(),
        [
            Company::DOMAIN.is("acme.example"),
            Company::INDUSTRY.is("x"),
            Company::OWNER_ID.is(Id::from_uuid(random)),
            Company::TAG.is("x"),
        ],
    );
    none(
        world.acme.deals(),
        [
            Deal::PIPELINE_ID.is(Id::from_uuid(random)),
            Deal::STAGE_ID.is(Id::from_uuid(random)),
            Deal::CONTACT_ID.is(Id::from_uuid(random)),
            Deal::STATUS.is(DealStatus::Lost),
        ],
    );
    none(
        world.acme.activities(),
        [
            Activity::DEAL_ID.is(Id::from_uuid(random)),
            Activity::ACTIVITY_TYPE.is(ActivityType::Note),
            Activity::PRIORITY.is(Priority::Low),
            Activity::STATUS.is(ActivityStatus::Pending),
        ],
    );
}

#[track_caller]
fn none<R: Resource, const N: usize>(all: Collection<'_, R>, filters: [Filter<R>; N]) {
    for filter in filters {
        assert!(all.list(filter.clone()).unwrap().records.is_empty(), "{filter:?}");
    }
}

/// The faults of filters, given by name and text, and of a search (`q`), as an adapter tells them.
fn faults<R: Resource>(wrong: &[(&str, &str)]) -> String {
    let mut faults = Faults::new();
    for (name, text) in wrong {
        match *name {
            "q" => faults.add_all("q", Search::parse(text).unwrap_err()),
            _ => faults.add_all("", Filter::<R>::parse(R::model(), name, text).unwrap_err()),
        }
    }
    report(&faults.into())
}

#[test]
fn a_value_that_a_member_cannot_have_is_refused_by_the_name_of_the_filter() {
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
    insta::assert_snapshot!(faults::<Contact>(&wrong), @"
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
    insta::assert_snapshot!(faults::<Company>(&wrong), @"
    validation
    domain must be a domain, such as acme.example
    industry holds a control character other than tab and line breaks
    q holds a control character other than tab and line breaks
    tag must not be empty
    ");
    let wrong = [("pipelineId", "x"), ("stageId", "x"), ("contactId", "x"), ("status", "Open")];
    insta::assert_snapshot!(faults::<Deal>(&wrong), @"
    validation
    contactId is not an id
    pipelineId is not an id
    stageId is not an id
    status must be one of open, won, lost
    ");
    let wrong =
        [("activityType", "fax"), ("status", "open"), ("priority", "7"), ("dealId", "x"), ("name", "x")];
    insta::assert_snapshot!(faults::<Activity>(&wrong), @"
    validation
    activityType must be one of note, task, call, meeting
    dealId is not an id
    name is not a filter here
    priority must be one of low, normal, high, urgent
    status must be one of pending, completed
    ");
    assert_eq!(faults::<Contact>(&[("tag", "a,b")]), "validation\ntag must not hold a comma");
}

#[test]
fn a_host_is_told_of_all_values_that_no_record_could_have_whatever_it_asks() {
    let world = World::new();
    let (contacts, text) = (world.acme.contacts(), "x".repeat(256));
    let wrong = Query::from(Contact::EMAIL.is("x").and(Contact::TAG.is("a,b")))
        .filter(Contact::LEAD_SOURCE.is(text.as_str()))
        .search(&text);
    let expected = "validation
email is not an e-mail address
leadSource must not be longer than 255 characters
search must not be longer than 255 characters
tag must not hold a comma";
    let view = world.acme.view().unwrap();
    let told: [Error; 5] = [
        contacts.list(wrong.clone()).unwrap_err(),
        contacts.count(wrong.clone()).unwrap_err(),
        contacts.json().list(&wrong.clone().into()).unwrap_err(),
        view.contacts().page(wrong.clone()).unwrap_err(),
        view.contacts().all(wrong).unwrap_err(),
    ];
    assert_eq!(told.map(|error| report(&error)), [expected; 5]);
    let error = world.acme.bant().list(Query::all().limit(101)).unwrap_err();
    assert_eq!(report(&error), "validation\nlimit must be a whole number from 1 to 100");
}
