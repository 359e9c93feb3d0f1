//! The table of routes. The router and the OpenAPI document are both made of it.

mod activities;
mod api_keys;
mod audit;
mod auth;
mod companies;
mod contacts;
mod deals;
mod operations;
mod pipelines;
mod settings;
mod sync;
mod users;

use axum::{
    handler::Handler,
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use rally_core::{Editable, Kind, Model, Scope};

use crate::{app::App, crud::Served};

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
    Records { verb: Verb, noun: &'static str, kind: Kind, model: &'static Model, scope: Scope },
    /// The change feed.
    Changes,
    /// The way in for a user.
    LogIn,
    /// Who the caller is.
    Me,
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
    /// Of something that is a part of a record.
    GetPart,
    PutPart,
    /// An API key, which is shown once.
    Mint,
    /// An API key, which then works no more.
    Revoke,
    /// A deal to another stage.
    Move,
    /// What a pipeline's deals come to.
    Forecast,
}

impl Verb {
    pub(crate) const fn is_read(self) -> bool {
        matches!(self, Self::List | Self::Get | Self::GetPart | Self::Forecast)
    }
}

impl Operation {
    pub(crate) fn on<R: Served + Editable>(verb: Verb) -> Self {
        Self::called::<R>(verb, R::NOUN)
    }

    /// What is done with records, each of which is called so.
    pub(crate) fn called<R: Editable>(verb: Verb, noun: &'static str) -> Self {
        let scope = if verb.is_read() { R::READ } else { R::WRITE };
        Self::Records { verb, noun, kind: R::KIND, model: R::model(), scope }
    }

    /// What is read of records that nobody writes.
    pub(crate) fn reading<R: Served>(verb: Verb) -> Self {
        Self::Records { verb, noun: R::NOUN, kind: R::KIND, model: R::model(), scope: R::READ }
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
    let rooms = [
        contacts::routes(),
        companies::routes(),
        deals::routes(),
        pipelines::routes(),
        activities::routes(),
        users::routes(),
        settings::routes(),
        api_keys::routes(),
        auth::routes(),
        audit::routes(),
        sync::routes(),
    ];
    rooms.into_iter().flatten().collect()
}

/// Whether a path under `/api` asks for no credential.
pub(crate) fn is_open(path: &str) -> bool {
    let path = path.strip_prefix("/api/v1").or_else(|| path.strip_prefix("/api"));
    path == Some(auth::LOG_IN)
}

/// What stands beside it, for anyone.
pub(crate) fn operations() -> Vec<Route> {
    operations::routes()
}

/// What those are made of; nobody asks for it by itself.
pub(crate) fn assets() -> Vec<Route> {
    operations::assets()
}
