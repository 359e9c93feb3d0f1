//! The OpenAPI document (3.1), made of the table of routes and of the models of the resources.

mod components;
mod examples;
mod files;
mod names;
mod operation;
mod operations;
mod rules;
mod schemas;
mod shared;
mod values;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::operations::tag;
pub(crate) use self::{
    examples::{ID, INSTANT, draft as draft_example, whole as example},
    schemas::{draft, fields_of, whole_with},
    values::{closed_set, count, instant, integer, or_null, reference, told, uuid},
};
use crate::route::{Operation, Route};

/// The meaning of the API, on the first page of documentation made of the document.
const DESCRIPTION: &str = "\
A multi-tenant CRM: contacts, companies, deals in pipelines, activities, and a feed of all changes.

Every path under `/api/v1` answers the same under `/api`. A tenant is named by the first label of the host or by the \
credential alone. Errors are problems (RFC 9457) with a `code` of a closed list. The rules that hold for all operations, \
such as paging, retries and the feed, are told in the guide, at `/docs/guide` of the server.";

/// The meaning of each tag.
const TAGS: [(&str, &str); 13] = [
    ("activities", "Notes, tasks, calls and meetings."),
    ("api-keys", "Keys that programs authenticate with."),
    ("audit", "The trail of what administrators did."),
    ("auth", "Logging in, and the caller's own name and scope."),
    ("companies", "Organisations that the tenant deals with."),
    ("contacts", "People that the tenant deals with."),
    ("deals", "Opportunities in a pipeline, and their qualification."),
    ("importexport", "Files of records, out and in."),
    ("pipelines", "The stages that deals go through."),
    ("settings", "The settings of the tenant."),
    ("sync", "The feed of all changes."),
    ("users", "People who work for the tenant."),
    ("webhooks", "Receivers of events, and the deliveries to them."),
];

/// The JSON of the document: of the routes under `/api`, and of those beside it.
pub(crate) fn document(api: &[Route], operating: &[Route]) -> Vec<u8> {
    describe(api, operating).to_string().into_bytes()
}

fn describe(api: &[Route], operating: &[Route]) -> Value {
    let mut paths = Paths::new();
    for route in api {
        add(&mut paths, &format!("/api/v1{}", route.path), route);
    }
    for route in operating {
        add(&mut paths, &route.path, route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Rally",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The API of the Rally CRM",
            "description": DESCRIPTION,
            "contact": { "name": "Rally", "url": "https://rally.example" },
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": servers(),
        "security": [{ "ApiKey": [] }, { "Bearer": [] }],
        "tags": tags(api),
        "paths": paths,
        "components": {
            "schemas": schemas(api.iter().chain(operating)),
            "parameters": parameters(),
            "headers": components::headers(),
            "responses": components::responses(),
            "securitySchemes": components::security_schemes(),
        },
    })
}

/// The server that the document came from, which pages of documentation ask first, and a tenant's under its own name.
fn servers() -> Value {
    let scheme = json!({ "default": "https", "enum": ["https", "http"], "description": "`http` for a server on this machine." });
    json!([
        { "url": "/", "description": "The server that this document came from" },
        {
            "url": "{scheme}://{tenant}.{host}",
            "description": "A tenant under its own name",
            "variables": {
                "scheme": scheme,
                "tenant": { "default": "acme", "description": "The slug of the tenant." },
                "host": { "default": "rallycrm.io", "description": "A host suffix of the server, with its port." },
            },
        },
    ])
}

/// The operations of each path by their methods.
type Paths = BTreeMap<String, Map<String, Value>>;

fn add(paths: &mut Paths, path: &str, route: &Route) {
    let item = paths.entry(path.to_owned()).or_default();
    item.insert(route.method.name().to_owned(), operations::describe(route));
}

fn tags(api: &[Route]) -> Vec<Value> {
    let mut names: Vec<&str> = api.iter().map(tag).collect();
    names.dedup();
    let meaning = |name: &str| TAGS.iter().find(|(known, _)| *known == name).map(|(_, meaning)| *meaning);
    let of_api = names.into_iter().map(|name| json!({ "name": name, "description": meaning(name) }));
    let operating =
        json!({ "name": operations::OPERATING, "description": "Pages for the operator of the server." });
    of_api.chain([operating]).collect()
}

fn parameters() -> Value {
    let mut all = components::parameters();
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), files::all_parameters()) {
        all.extend(more);
    }
    all
}

fn schemas<'r>(routes: impl Iterator<Item = &'r Route>) -> Map<String, Value> {
    let mut all = shared::schemas();
    all.extend(files::schemas());
    for route in routes {
        match &route.operation {
            Operation::Records(records) => schemas::add(&mut all, records),
            Operation::File(_) => {}
            Operation::Special(special) => {
                all.extend(special.schemas.iter().map(|schema| (schema.name.to_owned(), (schema.json)())));
            }
            Operation::Page(page) => {
                all.extend(page.schema.iter().map(|schema| (schema.name.to_owned(), (schema.json)())));
            }
        }
    }
    all
}
