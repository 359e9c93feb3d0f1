//! What is true of every room under `/api`: the table of them, and the ladder of each of their operations.

mod document;
mod lists;
mod strict;
mod writes;

use axum::http::Method;
use insta::assert_snapshot;

use crate::support::{Answer, Ask, NOWHERE, World, with};

/// A resource with a URL noun of its own. In templates `#` is a number, and `<company>` is the id of one.
pub(crate) struct Room {
    pub(crate) noun: &'static str,
    one: &'static str,
    /// The scope that writes ask for.
    writes: &'static str,
    /// A body with nothing but what it needs.
    least: &'static str,
    /// Bodies with, together, every member that can be sent.
    pub(crate) wholes: &'static [&'static str],
    /// A text of at most 255 characters.
    text: &'static str,
    /// Members that are answered and cannot be sent.
    read_only: &'static [&'static str],
    upsert: bool,
    bulk: bool,
    /// Parameters of the list, each with a value that only the first whole has and one that no record can have.
    filters: &'static [(&'static str, &'static str, &'static str)],
    /// What a name of the first whole begins with, in another case of letters.
    searched: &'static [&'static str],
}

const TEXT_OF_256: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
                           xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
                           xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
                           xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

pub(crate) static ROOMS: [Room; 6] = [CONTACTS, COMPANIES, DEALS, PIPELINES, ACTIVITIES, USERS];

pub(crate) const CONTACTS: Room = Room {
    noun: "contacts",
    one: "contact",
    writes: "write",
    least: r#"{"firstName":"Ada","lastName":"King","email":"c#@x.example"}"#,
    wholes: &[
        r#"{"firstName":"Augusta","lastName":"Lovelace","email":"augusta#@x.example","phone":"1","mobile":"2",
        "title":"Countess","department":"Notes","companyId":"<company>","lifecycleStage":"customer",
        "leadSource":"letter","leadScore":100,"tags":"first,programmer","linkedInUrl":"https://x.example/ada",
        "twitterHandle":"ada","address":"St James's Square 12","city":"London","state":"England","country":"UK",
        "postalCode":"SW1Y 4JH","notes":"Note G","ownerId":"<user>"}"#,
    ],
    text: "title",
    read_only: &["id", "tenantId", "fullName", "createdAt", "updatedAt"],
    upsert: true,
    bulk: true,
    filters: &[
        ("email", "AUGUSTA#@x.example", "x"),
        ("companyId", "<company>", "7"),
        ("ownerId", "<user>", "x"),
        ("lifecycleStage", "customer", "boss"),
        ("leadSource", "letter", TEXT_OF_256),
        ("tag", "programmer", ""),
    ],
    searched: &["aUGUSTA%20l", "love", "AUGUSTA"],
};

pub(crate) const COMPANIES: Room = Room {
    noun: "companies",
    one: "company",
    writes: "write",
    least: r#"{"name":"Company #","domain":"d#.example"}"#,
    wholes: &[r#"{"name":"Mills","domain":"mills#.example","industry":"Cotton","description":"Looms",
        "employeeCount":1834,"annualRevenue":1200000.5,"phone":"1","website":"https://mills.example",
        "linkedInUrl":"https://x.example/mills","address":"Mill Road 1","city":"Manchester","state":"Lancashire",
        "country":"UK","postalCode":"M1","tags":["steam","looms, power"],"notes":"Soot","ownerId":"<user>"}"#],
    text: "industry",
    read_only: &["id", "tenantId", "createdAt", "updatedAt"],
    upsert: true,
    bulk: true,
    filters: &[
        ("domain", "https://www.mills#.example/x", "no%20domain"),
        ("industry", "Cotton", TEXT_OF_256),
        ("ownerId", "<user>", "7"),
        ("tag", "looms,%20power", ""),
    ],
    searched: &["mILL", "mills1.e", "MILLS"],
};

pub(crate) const DEALS: Room = Room {
    noun: "deals",
    one: "deal",
    writes: "write",
    least: r#"{"pipelineId":"<pipeline>","stageId":"<lead>","name":"Deal #"}"#,
    wholes: &[r#"{"pipelineId":"<partners>","stageId":"<signed>","name":"Tables #","contactId":"<contact>",
        "companyId":"<company>","value":1500.25,"currency":"GBP","probability":99,
        "expectedCloseDate":"2025-06-30T00:00:00.000000Z","notes":"By post","ownerId":"<user>"}"#],
    text: "name",
    read_only: &[
        "id",
        "tenantId",
        "stageName",
        "contactName",
        "companyName",
        "actualCloseDate",
        "status",
        "ownerName",
        "lastActivityAt",
        "createdAt",
        "updatedAt",
    ],
    upsert: true,
    bulk: true,
    filters: &[
        ("pipelineId", "<partners>", "7"),
        ("stageId", "<signed>", "x"),
        ("contactId", "<contact>", "7"),
        ("companyId", "<company>", "7"),
        ("ownerId", "<user>", "7"),
        ("status", "won", "closed"),
    ],
    searched: &["tABLES"],
};

pub(crate) const PIPELINES: Room = Room {
    noun: "pipelines",
    one: "pipeline",
    writes: "admin",
    least: r#"{"name":"Pipeline #","stages":[{"name":"Start"}]}"#,
    wholes: &[
        r#"{"name":"Renewals #","isDefault":false,"stages":[{"name":"Due","probability":80,"outcome":"open"},
        {"name":"Done","probability":100,"outcome":"won"},{"name":"Gone","probability":0,"outcome":"lost"}]}"#,
    ],
    text: "name",
    read_only: &["id", "tenantId", "createdAt", "updatedAt"],
    upsert: false,
    bulk: false,
    filters: &[],
    searched: &["rENEW"],
};

pub(crate) const ACTIVITIES: Room = Room {
    noun: "activities",
    one: "activity",
    writes: "write",
    least: r#"{"activityType":"note","subject":"Note #"}"#,
    wholes: &[
        r#"{"activityType":"call","subject":"Ring #","body":"About the engine","contactId":"<contact>",
            "companyId":"<company>","dealId":"<deal>","scheduledAt":"2025-02-03T09:00:00.000000Z","priority":"urgent",
            "status":"completed","callDirection":"outbound","callOutcome":"Agreed","callDurationSeconds":300,
            "ownerId":"<user>"}"#,
        r#"{"activityType":"task","subject":"Send #","dueDate":"2025-02-04T00:00:00.000000Z"}"#,
        r#"{"activityType":"meeting","subject":"Meet #","durationMinutes":45,"location":"Room 1",
            "meetingUrl":"https://x.example/m"}"#,
    ],
    text: "subject",
    read_only: &["id", "tenantId", "completedAt", "createdAt", "updatedAt"],
    upsert: false,
    bulk: true,
    filters: &[
        ("activityType", "call", "letter"),
        ("status", "completed", "done"),
        ("contactId", "<contact>", "7"),
        ("companyId", "<company>", "7"),
        ("dealId", "<deal>", "7"),
        ("ownerId", "<user>", "7"),
        ("priority", "urgent", "2"),
    ],
    searched: &["rING"],
};

pub(crate) const USERS: Room = Room {
    noun: "users",
    one: "user",
    writes: "admin",
    least: r#"{"email":"u#@x.example","name":"User #"}"#,
    wholes: &[r#"{"email":"Grace#@x.example","name":"Grace Hopper","scopes":"read,write","isActive":false,
        "password":"nanoseconds #"}"#],
    text: "name",
    read_only: &["id", "tenantId", "createdAt", "updatedAt"],
    upsert: false,
    bulk: false,
    filters: &[],
    searched: &["grace", "GRACE%20H"],
};

/// What is done by a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    List,
    Get,
    /// Reads something that is no record and has no version.
    Report,
    Create,
    Change,
    Delete,
    /// Changes the record that matches.
    Upsert,
    Bulk,
}

impl Act {
    fn is_read(self) -> bool {
        matches!(self, Self::List | Self::Get | Self::Report)
    }

    /// Whether one record is read or written, with a version.
    fn has_version(self) -> bool {
        matches!(self, Self::Get | Self::Create | Self::Change | Self::Upsert)
    }
}

/// A method and a path, with a body that succeeds.
struct Operation {
    room: Option<&'static Room>,
    act: Act,
    method: Method,
    path: String,
    body: String,
    scope: &'static str,
    status: u16,
}

/// All operations of all rooms.
fn operations() -> Vec<Operation> {
    let mut all: Vec<Operation> = ROOMS.iter().flat_map(of_room).collect();
    for (act, method, path, body, scope) in [
        (Act::Change, Method::PATCH, "/deals/{id}/stage", r#"{"stageId":"<won>"}"#, "write"),
        (Act::Get, Method::GET, "/deals/{id}/bant", "", "read"),
        (Act::Change, Method::PUT, "/deals/{id}/bant", r#"{"budget":{"rating":3}}"#, "write"),
        (Act::Report, Method::GET, "/pipelines/{id}/forecast", "", "read"),
        (Act::Get, Method::GET, "/settings", "", "admin"),
        (Act::Change, Method::PUT, "/settings", r#"{"name":"Acme"}"#, "admin"),
    ] {
        let room = ROOMS.iter().find(|room| path.split('/').nth(1) == Some(room.noun));
        all.push(Operation { room, act, method, path: path.into(), body: body.into(), scope, status: 200 });
    }
    all
}

fn of_room(room: &'static Room) -> Vec<Operation> {
    let change = format!(r#"{{"{}":"Changed"}}"#, room.text);
    let (all, one) = (format!("/{}", room.noun), format!("/{}/{{id}}", room.noun));
    let mut operations = vec![
        (Act::List, Method::GET, all.clone(), String::new(), 200),
        (Act::Create, Method::POST, all.clone(), room.least.to_owned(), 201),
        (Act::Get, Method::GET, one.clone(), String::new(), 200),
        (Act::Change, Method::PUT, one.clone(), change.clone(), 200),
        (Act::Change, Method::PATCH, one.clone(), change, 200),
        (Act::Delete, Method::DELETE, one, String::new(), 200),
    ];
    if room.upsert {
        operations.push((Act::Upsert, Method::PUT, format!("{all}/upsert"), room.least.to_owned(), 200));
    }
    if room.bulk {
        operations.push((Act::Bulk, Method::POST, format!("{all}/bulk"), format!("[{}]", room.least), 201));
    }
    let of = |(act, method, path, body, status): (Act, _, _, _, _)| {
        let scope = if act.is_read() { "read" } else { room.writes };
        Operation { room: Some(room), act, method, path, body, scope, status }
    };
    operations.into_iter().map(of).collect()
}

/// An operation on a record that was made for it.
struct Case {
    method: Method,
    path: String,
    body: String,
    /// Where its record is.
    record: String,
}

impl Operation {
    fn case(&self, world: &World) -> Case {
        let number = world.next();
        let is_about_one = self.path.contains("{id}") || self.act == Act::Upsert;
        let room = self.room.filter(|_| is_about_one);
        let id = room.map_or(String::new(), |room| room.create(world, &number).id());
        let path = format!("/api/v1{}", self.path.replace("{id}", &id));
        let record = room.map_or_else(|| path.clone(), |room| room.at(&id));
        Case { method: self.method.clone(), path, body: world.fill(&self.body).replace('#', &number), record }
    }
}

impl Case {
    fn ask<'w>(&self, world: &'w World) -> Ask<'w> {
        world.api.ask(self.method.clone(), &self.path).json(self.body.clone())
    }
}

impl Room {
    fn path(&self) -> String {
        format!("/api/v1/{}", self.noun)
    }

    fn at(&self, id: &str) -> String {
        format!("/api/v1/{}/{id}", self.noun)
    }

    fn body(&self, world: &World, number: &str) -> String {
        world.fill(self.least).replace('#', number)
    }

    fn create(&self, world: &World, number: &str) -> Answer {
        world.api.post(&self.path(), self.body(world, number)).send().is(201)
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
        let stranger = told("");
        assert_eq!(
            stranger.told(),
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
    for room in &ROOMS {
        let created = room.create(&world, "1");
        assert_eq!(created.header("Location"), room.at(&created.id()));
        assert_eq!(created.header("Content-Type"), "application/json");
        let read = world.get(created.header("Location")).send().is(200);
        assert_eq!((&read.body, read.header("ETag")), (&created.body, created.header("ETag")));
    }
}

#[test]
fn every_member_that_is_sent_comes_back() {
    let world = World::new();
    for room in &ROOMS {
        for whole in room.wholes {
            let sent = world.fill(whole).replace('#', "1");
            let answer = world.api.post(&room.path(), sent.clone()).send().is(201);
            let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
            for (member, value) in sent.as_object().unwrap().iter().filter(|(name, _)| *name != "password") {
                assert!(holds(&answer.value()[member], value), "{member}: {answer}");
            }
        }
    }
}

/// Whether a value has at least what another one has.
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
        let room = operation.room.unwrap();
        let body = world.fill_foreign(room.least).replace('#', &world.next());
        let foreign = world.api.post(&room.path(), body).key(&world.api.other).send().is(201).id();
        let case = operation.case(&world);
        let told = [foreign.as_str(), NOWHERE].map(|id| {
            let path = format!("/api/v1{}", operation.path.replace("{id}", id));
            let answer = world.api.ask(case.method.clone(), &path).json(case.body.clone()).send();
            assert_eq!(answer.told(), format!("404 not_found: there is no such {}", room.one), "{path}");
            answer.body.replace(id, "ID")
        });
        assert_eq!(told[0], told[1]);
        world.api.get(&room.at(&foreign)).key(&world.api.other).send().is(200);
    }
}

#[test]
fn an_id_in_a_body_that_names_nothing_here_is_a_bad_reference() {
    let world = World::new();
    for (room, member, own, another_kind) in [
        (CONTACTS, "companyId", "<company>", "<contact>"),
        (CONTACTS, "ownerId", "<user>", "<contact>"),
        (COMPANIES, "ownerId", "<user>", "<company>"),
        (DEALS, "pipelineId", "<pipeline>", "<lead>"),
        (DEALS, "stageId", "<lead>", "<pipeline>"),
        (DEALS, "contactId", "<contact>", "<company>"),
        (DEALS, "companyId", "<company>", "<contact>"),
        (DEALS, "ownerId", "<user>", "<deal>"),
        (ACTIVITIES, "contactId", "<contact>", "<company>"),
        (ACTIVITIES, "companyId", "<company>", "<deal>"),
        (ACTIVITIES, "dealId", "<deal>", "<pipeline>"),
        (ACTIVITIES, "ownerId", "<user>", "<contact>"),
    ] {
        let existing = room.create(&world, &world.next());
        let (count, body) = (room.count(&world), room.body(&world, &world.next()));
        let told = [world.fill_foreign(own), NOWHERE.to_owned(), world.fill(another_kind)].map(|id| {
            let created = world.api.post(&room.path(), with(&body, member, id.as_str())).send();
            let changed = world.api.patch(&room.at(&existing.id()), with("{}", member, id.as_str())).send();
            let expected = format!("400 bad_reference: {member} names no ");
            assert!(created.told().starts_with(&expected), "{created}");
            assert_eq!(changed.told(), created.told());
            (created.body.replace(&id, "ID"), changed.body.replace(&id, "ID"))
        });
        assert!(told[0] == told[1] && told[1] == told[2], "{told:?}");
        assert_eq!(room.count(&world), count);
        assert_eq!(world.api.get(&room.at(&existing.id())).send().body, existing.body);
        world.api.post(&room.path(), with(&body, member, world.fill(own))).send().is(201);
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
    /companies GET HEAD POST
    /companies/ID DELETE GET HEAD PATCH PUT
    /companies/upsert PUT
    /companies/bulk POST
    /deals GET HEAD POST
    /deals/ID DELETE GET HEAD PATCH PUT
    /deals/upsert PUT
    /deals/bulk POST
    /pipelines GET HEAD POST
    /pipelines/ID DELETE GET HEAD PATCH PUT
    /activities GET HEAD POST
    /activities/ID DELETE GET HEAD PATCH PUT
    /activities/bulk POST
    /users GET HEAD POST
    /users/ID DELETE GET HEAD PATCH PUT
    /deals/ID/stage PATCH
    /deals/ID/bant GET HEAD PUT
    /pipelines/ID/forecast GET HEAD
    /settings GET HEAD PUT
    ");
}
