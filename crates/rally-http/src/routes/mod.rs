//! The table of routes. The router and the OpenAPI document are both made of it.

mod contacts;
mod operations;
mod sync;

use axum::{
    handler::Handler,
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use rally_core::{Editable, Kind, Model, Scope};

use crate::app::App;

/// One path and method, what answers it and what that is.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) handler: MethodRouter<App>,
    pub(crate) operation: Operation,
}

/// What a route does, as the OpenAPI document tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    /// Something done with records of a kind.
    Records { verb: Verb, kind: Kind, model: &'static Model, scope: Scope },
    /// The change feed.
    Changes,
    /// Something for whoever operates the server, or reads about it.
    Operating { id: &'static str, summary: &'static str, content_type: &'static str },
}

/// What can be done with records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    List,
    Create,
    Get,
    Put,
    Patch,
    Delete,
    Upsert,
    Bulk,
}

impl Operation {
    pub(crate) fn on<R: Editable>(verb: Verb) -> Self {
        let scope = if matches!(verb, Verb::List | Verb::Get) { R::READ } else { R::WRITE };
        Self::Records { verb, kind: R::KIND, model: R::model(), scope }
    }
}

impl Route {
    pub(crate) fn new<T: 'static>(
        method: Method,
        path: &str,
        handler: impl Handler<T, App>,
        operation: Operation,
    ) -> Self {
        // Every method that a table here names is one that axum knows.
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        Self { path: path.to_owned(), method, handler: on(filter, handler), operation }
    }
}

/// What stands under `/api` and under `/api/v1`.
pub(crate) fn api() -> Vec<Route> {
    [contacts::routes(), sync::routes()].into_iter().flatten().collect()
}

/// What stands beside it, for anyone.
pub(crate) fn operations() -> Vec<Route> {
    operations::routes()
}

/// What those are made of; nobody asks for it by itself.
pub(crate) fn assets() -> Vec<Route> {
    operations::assets()
}
