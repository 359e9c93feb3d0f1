//! The OpenAPI document (3.1), made of the table of routes and of the models of the resources.

mod components;
mod operations;
mod schemas;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::operations::tag;
pub(crate) use self::schemas::{draft, instant, reference};
use crate::route::{Operation, Route};

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
            "description": "A multi-tenant CRM. Every path under `/api/v1` answers the same under `/api`.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags(api),
        "paths": paths,
        "components": {
            "schemas": schemas(api.iter().chain(operating)),
            "parameters": components::parameters(),
            "headers": components::headers(),
            "responses": components::responses(),
            "securitySchemes": components::security_schemes(),
        },
    })
}

/// The operations of each path by their methods.
type Paths = BTreeMap<String, Map<String, Value>>;

fn add(paths: &mut Paths, path: &str, route: &Route) {
    let item = paths.entry(path.to_owned()).or_default();
    item.insert(route.method.name().to_owned(), operations::describe(route));
}

fn tags(api: &[Route]) -> Vec<Value> {
    let mut names: Vec<&str> = api.iter().map(tag).collect();
    names.push(operations::OPERATING);
    names.dedup();
    names.into_iter().map(|name| json!({ "name": name })).collect()
}

fn schemas<'r>(routes: impl Iterator<Item = &'r Route>) -> Map<String, Value> {
    let mut all = schemas::shared();
    for route in routes {
        match route.operation {
            Operation::Records { verb, noun, model, .. } => schemas::add(&mut all, noun, verb, model),
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
