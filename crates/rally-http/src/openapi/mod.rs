//! The OpenAPI document (3.1), made of the table of routes and of the models of the resources.

mod components;
mod operations;
mod schemas;

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::routes::{self, Operation, Route};

static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(|| describe().to_string().into_bytes());

/// The JSON of the document.
pub(crate) fn document() -> &'static [u8] {
    &DOCUMENT
}

fn describe() -> Value {
    let (api, operating) = (routes::api(), routes::operations());
    let mut paths = Map::new();
    for route in &api {
        add(&mut paths, &format!("/api/v1{}", route.path), route);
    }
    for route in &operating {
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
        "tags": tags(&api),
        "paths": paths,
        "components": {
            "schemas": schemas(&api),
            "parameters": components::parameters(),
            "headers": components::headers(),
            "responses": components::responses(),
            "securitySchemes": components::security_schemes(),
        },
    })
}

fn add(paths: &mut Map<String, Value>, path: &str, route: &Route) {
    let item = paths.entry(path).or_insert_with(|| json!({}));
    if let Some(item) = item.as_object_mut() {
        item.insert(route.method.as_str().to_ascii_lowercase(), operations::describe(route));
    }
}

fn tags(api: &[Route]) -> Vec<Value> {
    let mut names: Vec<&str> = api.iter().map(Route::tag).collect();
    names.push(OPERATING);
    names.dedup();
    names.into_iter().map(|name| json!({ "name": name })).collect()
}

fn schemas(api: &[Route]) -> Map<String, Value> {
    let mut all = schemas::shared();
    for route in api {
        if let Operation::Records { verb, noun, model, .. } = route.operation {
            schemas::add(&mut all, noun, verb, model);
        }
    }
    all
}

/// The tag of what is for whoever operates the server.
const OPERATING: &str = "operations";

impl Route {
    /// The noun that its path begins with.
    fn tag(&self) -> &str {
        match self.operation {
            Operation::Operating { .. } => OPERATING,
            _ => self.path.split('/').nth(1).unwrap_or_default(),
        }
    }
}
