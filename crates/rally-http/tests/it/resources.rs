//! Behaviour of every resource under `/api`, and the list of their operations.

mod document;
mod lists;
mod strict;
mod table;
mod values;
mod writes;

use axum::http::Method;
use insta::assert_snapshot;
use serde_json::Value;

pub(crate) use self::table::{ACTIVITIES, COMPANIES, CONTACTS, DEALS, PIPELINES, RESOURCES, Resource};
use crate::support::{Answer, Ask, NOWHERE, World, with};

/// The effect of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    List,
    Get,
    /// Reads something that is no record and has no version.
    Report,
    /// Reads the changes of a record.
    History,
    Create,
    Change,
    Delete,
    /// Changes the record that matches.
    Upsert,
    Bulk,
}

impl Act {
    fn is_read(self) -> bool {
        matches!(self, Self::List | Self::Get | Self::Report | Self::History)
    }

    /// True if one record is read or written, with a version.
    fn has_version(self) -> bool {
        matches!(self, Self::Get | Self::Create | Self::Change | Self::Upsert)
    }
}

/// A method and a path, with a body that succeeds.
struct Operation {
    resource: Option<&'static Resource>,
    act: Act,
    method: Method,
    path: String,
    body: String,
    scope: &'static str,
    status: u16,
}

/// All operations of all resources.
fn operations() -> Vec<Operation> {
    let mut all: Vec<Operation> = RESOURCES.iter().flat_map(of_resource).collect();
    for (act, method, path, body, scope) in [
        (Act::Change, Method::PATCH, "/deals/{id}/stage", r#"{"stageId":"<won>"}"#, "write"),
        (Act::Get, Method::GET, "/deals/{id}/bant", "", "read"),
        (Act::Change, Method::PUT, "/deals/{id}/bant", r#"{"budget":{"rating":3}}"#, "write"),
        (Act::Report, Method::GET, "/pipelines/{id}/forecast", "", "read"),
        (Act::Get, Method::GET, "/settings", "", "admin"),
        (Act::Change, Method::PUT, "/settings", r#"{"name":"Acme"}"#, "admin"),
    ] {
        let resource = RESOURCES.iter().find(|resource| path.split('/').nth(1) == Some(resource.noun));
        all.push(Operation {
            resource,
            act,
            method,
            path: path.into(),
            body: body.into(),
            scope,
            status: 200,
        });
    }
    all
}

fn of_resource(resource: &'static Resource) -> Vec<Operation> {
    let change = format!(r#"{{"{}":"Changed"}}"#, resource.text.0);
    let (all, one) = (format!("/{}", resource.noun), format!("/{}/{{id}}", resource.noun));
    let mut operations = vec![
        (Act::List, Method::GET, all.clone(), String::new(), 200),
        (Act::Create, Method::POST, all.clone(), resource.least.to_owned(), 201),
        (Act::Get, Method::GET, one.clone(), String::new(), 200),
        (Act::Change, Method::PUT, one.clone(), change.clone(), 200),
        (Act::Change, Method::PATCH, one.clone(), change, 200),
        (Act::Delete, Method::DELETE, one, String::new(), 200),
    ];
    if resource.upsert {
        operations.push((Act::Upsert, Method::PUT, format!("{all}/upsert"), resource.least.to_owned(), 200));
    }
    if resource.bulk {
        operations.push((
            Act::Bulk,
            Method::POST,
            format!("{all}/bulk"),
            format!("[{}]", resource.least),
            201,
        ));
    }
    if resource.history {
        let path = format!("{all}/{{id}}/history");
        operations.push((Act::History, Method::GET, path, String::new(), 200));
    }
    let of = |(act, method, path, body, status): (Act, _, _, _, _)| {
        let scope = if act.is_read() { resource.reads } else { resource.writes };
        Operation { resource: Some(resource), act, method, path, body, scope, status }
    };
    operations.into_iter().map(of).collect()
}

/// An operation on a record that was made for it.
struct Case {
    method: Method,
    path: String,
    body: String,
    /// The path of its record.
    record: String,
}

impl Operation {
    fn case(&self, world: &World) -> Case {
        let number = world.next();
        let is_about_one = self.path.contains("{id}") || self.act == Act::Upsert;
        let resource = self.resource.filter(|_| is_about_one);
        let id = resource.map_or(String::new(), |resource| resource.create(world, &number).id());
        let path = format!("/api/v1{}", self.path.replace("{id}", &id));
        let record = resource.map_or_else(|| path.clone(), |resource| resource.at(&id));
        Case { method: self.method.clone(), path, body: world.fill(&self.body).replace('#', &number), record }
    }
}

impl Case {
    fn ask<'w>(&self, world: &'w World) -> Ask<'w> {
        world.api.ask(self.method.clone(), &self.path).json(self.body.clone())
    }
}

impl Resource {
    fn is_searched(&self) -> bool {
        !self.searched.is_empty()
    }

    pub(crate) fn path(&self) -> String {
        format!("/api/v1/{}", self.noun)
    }

    pub(crate) fn at(&self, id: &str) -> String {
        format!("/api/v1/{}/{id}", self.noun)
    }

    pub(crate) fn body(&self, world: &World, number: &str) -> String {
        world.fill(self.least).replace('#', number)
    }

    /// A body with references that fit together.
    fn whole(&self, world: &World, number: &str) -> String {
        world.fill(self.wholes[0]).replace('#', number)
    }

    pub(crate) fn create(&self, world: &World, number: &str) -> Answer {
        world.api.post(&self.path(), self.body(world, number)).send().is(201)
    }

    /// The members that refer to another record, each with the name of one: those of the whole bodies.
    pub(crate) fn references(&self) -> impl Iterator<Item = (String, String)> {
        let wholes = self.wholes.iter().map(|whole| serde_json::from_str::<Value>(whole).unwrap());
        let members = wholes.flat_map(|whole| whole.as_object().unwrap().clone());
        let texts = members.filter_map(|(member, value)| Some((member, value.as_str()?.to_owned())));
        texts.filter(|(_, text)| text.starts_with('<'))
    }

    /// The path of a new record of each resource that can refer to another by a member, and does.
    pub(crate) fn referring(world: &World, member: &str, id: &str) -> Vec<String> {
        let able = RESOURCES.iter().filter(|resource| resource.references().any(|(name, _)| name == member));
        let made = able.map(|resource| {
            let body = with(&resource.body(world, &world.next()), member, world.fill(id));
            resource.at(&world.api.post(&resource.path(), body).send().is(201).id())
        });
        made.collect()
    }

    fn count(&self, world: &World) -> usize {
        world.api.get(&self.path()).send().is(200).items().len()
    }
}

#[test]
fn every_operation_asks_for_a_credential_and_for_its_scope() {
    let world = World::new();
    for operation in operations() {
        let case = operation.case(&world);
        let told = |key: &str| case.ask(&world).key(key).send();
        let anonymous = told("");
        assert_eq!(
            anonymous.told(),
            "401 unauthorized: the API key or token is missing, unknown, expired or revoked"
        );
        let keys = [("read", &world.api.reader), ("write", &world.writer), ("admin", &world.api.admin)];
        let enough = keys.iter().position(|(scope, _)| *scope == operation.scope).unwrap();
        for (_, key) in &keys[..enough] {
            let refused = told(key);
            let expected = format!("403 forbidden: this needs the scope {}", operation.scope);
            assert_eq!(refused.told(), expected, "{} {}", case.method, case.path);
            assert_eq!(refused.value()["requiredScope"], operation.scope);
        }
        told(keys[enough].1).is(operation.status);
    }
}

#[test]
fn both_forms_of_a_path_are_one() {
    let world = World::new();
    for operation in operations() {
        let mut case = operation.case(&world);
        case.path = case.path.replace("/api/v1/", "/api/");
        let answer = case.ask(&world).send().is(operation.status);
        let location = answer.header("Location");
        assert_eq!(location.is_empty(), operation.act != Act::Create, "{answer}");
        if operation.act == Act::Create {
            assert_eq!(location, format!("{}/{}", case.path, answer.id()));
        }
        if operation.act.is_read() {
            let versioned = case.path.replace("/api/", "/api/v1/");
            assert_eq!(world.get(&versioned).send().body, answer.body, "{versioned}");
        }
    }
}

#[test]
fn what_is_created_is_where_it_says_and_at_the_version_it_says() {
    let world = World::new();
    for resource in RESOURCES {
        let created = resource.create(&world, "1");
        assert_eq!(created.header("Location"), resource.at(&created.id()));
        assert_eq!(created.header("Content-Type"), "application/json");
        let read = world.get(created.header("Location")).send().is(200);
        assert_eq!((&read.body, read.header("ETag")), (&created.body, created.header("ETag")));
    }
}

#[test]
fn every_member_that_is_sent_comes_back() {
    let world = World::new();
    for resource in RESOURCES {
        for whole in resource.wholes {
            let sent = world.fill(whole).replace('#', "1");
            let answer = world.api.post(&resource.path(), sent.clone()).send().is(201);
            let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
            for (member, value) in sent.as_object().unwrap().iter().filter(|(name, _)| *name != "password") {
                assert!(holds(&answer.value()[member], value), "{member}: {answer}");
            }
        }
    }
}

/// True if a value has all that another one has.
fn holds(whole: &serde_json::Value, part: &serde_json::Value) -> bool {
    match (whole.as_array(), part.as_array(), part.as_object()) {
        (Some(whole), Some(part), _) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| holds(whole, part))
        }
        (_, _, Some(part)) => part.iter().all(|(name, part)| holds(&whole[name], part)),
        _ => whole == part,
    }
}

#[test]
fn an_id_of_another_tenant_is_as_unknown_as_any() {
    let world = World::new();
    for operation in operations().iter().filter(|operation| operation.path.contains("{id}")) {
        let resource = operation.resource.unwrap();
        let body = world.fill_foreign(resource.least).replace('#', &world.next());
        let foreign = world.api.post(&resource.path(), body).key(&world.api.other).send().is(201).id();
        let case = operation.case(&world);
        let told = [foreign.as_str(), NOWHERE].map(|id| {
            let path = format!("/api/v1{}", operation.path.replace("{id}", id));
            let answer = world.api.ask(case.method.clone(), &path).json(case.body.clone()).send();
            assert_eq!(answer.told(), format!("404 not_found: there is no such {}", resource.one), "{path}");
            answer.body.replace(id, "ID")
        });
        assert_eq!(told[0], told[1]);
        world.api.get(&resource.at(&foreign)).key(&world.api.other).send().is(200);
    }
}

#[test]
fn an_id_in_a_body_that_names_nothing_here_is_a_bad_reference() {
    let world = World::new();
    let references =
        |resource: &'static Resource| resource.references().map(move |member| (resource, member));
    for (resource, (member, own)) in RESOURCES.iter().flat_map(references) {
        let another_kind = if own == "<company>" { "<contact>" } else { "<company>" };
        let existing = resource.create(&world, &world.next());
        let (count, body) = (resource.count(&world), resource.whole(&world, &world.next()));
        let told = [world.fill_foreign(&own), NOWHERE.to_owned(), world.fill(another_kind)].map(|id| {
            let created = world.api.post(&resource.path(), with(&body, &member, id.as_str())).send();
            let changed =
                world.api.patch(&resource.at(&existing.id()), with("{}", &member, id.as_str())).send();
            let expected = format!("400 bad_reference: {member} names no ");
            assert!(created.told().starts_with(&expected), "{created}");
            assert_eq!(changed.told(), created.told());
            (created.body.replace(&id, "ID"), changed.body.replace(&id, "ID"))
        });
        assert!(told[0] == told[1] && told[1] == told[2], "{told:?}");
        assert_eq!(resource.count(&world), count);
        assert_eq!(world.api.get(&resource.at(&existing.id())).send().body, existing.body);
        world.api.post(&resource.path(), with(&body, &member, world.fill(&own))).send().is(201);
    }
}

#[test]
fn a_path_tells_which_methods_it_takes() {
    let world = World::new();
    let mut all = String::new();
    let mut paths: Vec<String> = operations().into_iter().map(|operation| operation.path).collect();
    paths.dedup();
    for path in paths.iter().map(|path| path.replace("{id}", NOWHERE)) {
        let answer = world.api.ask(Method::from_bytes(b"BREW").unwrap(), &format!("/api{path}")).send();
        assert_eq!(answer.told(), "405 method_not_allowed: this path does not take this method; see Allow");
        let mut allow: Vec<&str> = answer.header("Allow").split(',').collect();
        allow.sort_unstable();
        all += &format!("{} {}\n", path.replace(NOWHERE, "ID"), allow.join(" "));
    }
    assert_snapshot!(all, @"
    /contacts GET HEAD POST
    /contacts/ID DELETE GET HEAD PATCH PUT
    /contacts/upsert PUT
    /contacts/bulk POST
    /contacts/ID/history GET HEAD
    /companies GET HEAD POST
    /companies/ID DELETE GET HEAD PATCH PUT
    /companies/upsert PUT
    /companies/bulk POST
    /companies/ID/history GET HEAD
    /deals GET HEAD POST
    /deals/ID DELETE GET HEAD PATCH PUT
    /deals/upsert PUT
    /deals/bulk POST
    /deals/ID/history GET HEAD
    /pipelines GET HEAD POST
    /pipelines/ID DELETE GET HEAD PATCH PUT
    /activities GET HEAD POST
    /activities/ID DELETE GET HEAD PATCH PUT
    /activities/bulk POST
    /activities/ID/history GET HEAD
    /users GET HEAD POST
    /users/ID DELETE GET HEAD PATCH PUT
    /webhooks GET HEAD POST
    /webhooks/ID DELETE GET HEAD PATCH PUT
    /deals/ID/stage PATCH
    /deals/ID/bant GET HEAD PUT
    /pipelines/ID/forecast GET HEAD
    /settings GET HEAD PUT
    ");
}
